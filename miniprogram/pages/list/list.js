const api = require('../../utils/api')
const config = require('../../config')

Page({
  data: { payer: '', bills: [], loaded: false, problem: '', told: '', template: config.template },
  onShow() {
    if (getApp().globalData.level !== 2) return wx.redirectTo({ url: '/pages/scan/scan' })
    this.tell(api.get('/bills').then(({ payer, bills }) => this.setData({
      payer, loaded: true, problem: '', bills: bills.map((bill) => ({ ...bill, yuan: api.yuan(bill.total_fen) }))
    })))
  },
  tell(answer) { return answer.catch((error) => this.setData({ problem: api.words(error) })) },
  open(event) { wx.navigateTo({ url: `/pages/detail/detail?id=${event.currentTarget.dataset.id}` }) },
  verify() { wx.navigateTo({ url: '/pages/verify/verify' }) },
  subscribe() {
    wx.requestSubscribeMessage({
      tmplIds: [config.template],
      success: (answer) => {
        if (answer[config.template] !== 'accept') return this.setData({ told: '没有订阅，不会发消息。' })
        this.tell(api.post('/subscriptions', { templates: [config.template] })
          .then(() => this.setData({ told: '下次开票会发一条微信消息。' })))
      },
      fail: () => this.setData({ told: '微信没有打开订阅，请在小程序设置里允许“通知”。' })
    })
  },
  leave() {
    this.tell(api.post('/logout').then(() => {
      api.forget()
      wx.redirectTo({ url: '/pages/scan/scan' })
    }))
  }
})
