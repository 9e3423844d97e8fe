const api = require('../../utils/api')
const config = require('../../config')

Page({
  data: { number: '', name: '', code: '', asked: false, problem: '' },
  onLoad() { this.login() },
  login() {
    wx.login({
      success: ({ code }) => api.post('/login', { code, unit: config.unit })
        .then(({ level }) => { if (level === 2) wx.redirectTo({ url: '/pages/list/list' }) })
        .catch((error) => this.setData({ problem: api.words(error) }))
    })
  },
  typed(event) { this.setData({ [event.currentTarget.dataset.field]: event.detail.value }) },
  scan() { wx.scanCode({ success: ({ result }) => this.setData({ number: result.slice(0, 60) }) }) },
  identify() {
    const { number, name } = this.data
    api.post('/identify', { number, name })
      .then(() => this.setData({ asked: true, problem: '' }))
      .catch((error) => this.setData({ problem: api.words(error) }))
  },
  confirm() { this.enter(api.post('/confirm', { code: this.data.code })) },
  phone(event) {
    const { number, name } = this.data
    if (event.detail.code) this.enter(api.post('/phone', { phone_code: event.detail.code, number, name }))
  },
  enter(answer) {
    answer
      .then(() => wx.redirectTo({ url: '/pages/list/list' }))
      .catch((error) => this.setData({ problem: api.words(error) }))
  }
})
