const api = require('../../utils/api')
const config = require('../../config')

Page({
  data: {
    payer: '', bills: [], years: [], year: 0, page: 1, pages: 0, count: 0, whole: false, own: true,
    loaded: false, problem: '', told: '', template: config.template
  },
  onShow() {
    const { level, member } = getApp().globalData
    if (level < 1) return wx.redirectTo({ url: '/pages/scan/scan' })
    this.setData({ whole: level === 2, own: !member })
    this.load(this.data.year, 1)
  },
  load(year, page) {
    const { member } = getApp().globalData
    const wanted = `?page=${page}${year ? `&year=${year}` : ''}`
    const asked = member ? api.get(`/family/${member}/bills` + wanted) : api.get('/bills' + wanted)
    this.tell(asked.then(({ payer, bills, years, pages, count }) => this.setData({
      payer, years, year, page, pages, count, loaded: true, problem: '',
      bills: (page > 1 ? this.data.bills : []).concat(bills.map((bill) => ({ ...bill, yuan: api.yuan(bill.total_fen) })))
    })))
  },
  more() { this.load(this.data.year, this.data.page + 1) },
  pick(event) { this.load(Number(event.currentTarget.dataset.year), 1) },
  go(event) { wx.navigateTo({ url: `/pages/${event.currentTarget.dataset.page}` }) },
  mine() {
    getApp().globalData.member = ''
    this.onShow()
  },
  prove() {
    getApp().globalData.level = 0
    wx.reLaunch({ url: '/pages/scan/scan' })
  },
  tell(answer) { return answer.catch((error) => this.setData({ problem: api.words(error) })) },
  open(event) { wx.navigateTo({ url: `/pages/detail/detail?id=${event.currentTarget.dataset.id}` }) },
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
