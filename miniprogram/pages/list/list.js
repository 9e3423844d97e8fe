const api = require('../../utils/api')
const config = require('../../config')

Page({
  data: { payer: '', bills: [], problem: '', template: config.template },
  onShow() {
    if (getApp().globalData.level !== 2) return wx.redirectTo({ url: '/pages/scan/scan' })
    api.get('/bills')
      .then(({ payer, bills }) => this.setData({
        payer, problem: '', bills: bills.map((bill) => ({ ...bill, yuan: api.yuan(bill.total_fen) }))
      }))
      .catch((error) => this.setData({ problem: api.words(error) }))
  },
  open(event) { wx.navigateTo({ url: `/pages/detail/detail?id=${event.currentTarget.dataset.id}` }) },
  subscribe() {
    wx.requestSubscribeMessage({
      tmplIds: [config.template],
      success: (told) => {
        if (told[config.template] === 'accept') api.post('/subscriptions', { templates: [config.template] })
      }
    })
  },
  leave() {
    api.post('/logout').then(() => {
      Object.assign(getApp().globalData, { token: '', level: 0 })
      wx.redirectTo({ url: '/pages/scan/scan' })
    })
  }
})
