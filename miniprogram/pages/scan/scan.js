const api = require('../../utils/api')
const config = require('../../config')

Page({
  data: { number: '', name: '', code: '', asked: false, told: '', problem: '' },
  onLoad() { this.tell(this.login()) },
  login() {
    this.known = new Promise((resolve, reject) => wx.login({
      success: ({ code }) => resolve(api.post('/login', { code, unit: config.unit })),
      fail: () => reject(api.LOST)
    }))
    return this.known.then(({ level }) => { if (level > 0) wx.redirectTo({ url: '/pages/list/list' }) })
  },
  // Who is quicker than the log-in waits for it; one that failed, or is over meanwhile, is done again.
  ask(path, data) {
    const post = () => api.post(path, data)
    return this.known.catch(() => this.login()).then(post)
      .catch((error) => (error.code === 'SESSION_OVER' ? this.login().then(post) : Promise.reject(error)))
  },
  tell(answer) { return answer.catch((error) => this.setData({ problem: api.words(error) })) },
  typed(event) { this.setData({ [event.currentTarget.dataset.field]: event.detail.value }) },
  scan() {
    wx.scanCode({
      success: ({ result }) => {
        if (/\/b\//.test(result) || /^QP[A-Z0-9]{8}$/i.test(result)) this.open(result)
        else if (/^https?:/i.test(result)) this.setData({ problem: '这是海报上的码：请用微信首页的“扫一扫”打开。就诊卡的码只有号码。' })
        else this.setData({ number: result.slice(0, 60), problem: '' })
      }
    })
  },
  go(url) { this.tell(this.known.catch(() => this.login()).then(() => wx.navigateTo({ url }))) },
  open(slip) {
    getApp().globalData.slip = slip
    this.go('/pages/slip/slip')
  },
  slip() { this.open('') },
  why() { this.go('/pages/why/why') },
  verify() { this.go('/pages/verify/verify') },
  whole() {
    const { number, name } = this.data
    if (number.trim().length >= 5 && name.trim()) return true
    this.setData({ problem: '请填写完整的号码和患者姓名，两项都需要。' })
    return false
  },
  identify() {
    if (!this.whole()) return
    const { number, name } = this.data
    this.tell(this.ask('/identify', { number, name }).then(() => this.setData({ asked: true, problem: '' })))
  },
  resend() {
    this.tell(this.ask('/resend', {}).then(({ wait }) => this.setData({
      told: wait ? `1 分钟内只发一条，请用刚才那条，${wait} 秒后可以再发。` : '又发了一条验证码。前面收到的，没过期也能用。', problem: ''
    })))
  },
  confirm() {
    const code = this.data.code.trim()
    if (/^\d{6}$/.test(code)) this.enter(this.ask('/confirm', { code }))
    else this.setData({ problem: '验证码是短信里的 6 位数字。' })
  },
  phone(event) {
    if (!event.detail.code) return this.setData({ problem: '微信没有给出手机号。可以点“发验证码到预留手机”。' })
    if (!this.whole()) return
    const { number, name } = this.data
    this.enter(this.ask('/phone', { phone_code: event.detail.code, number, name }))
  },
  enter(answer) { this.tell(answer.then(() => wx.redirectTo({ url: '/pages/list/list' }))) }
})
