const api = require('../../utils/api')

Page({
  data: { members: [], watchers: [], relations: [], relation: '', number: '', name: '', code: '', asked: false, told: '', problem: '' },
  onLoad() { this.load() },
  load() {
    return api.tell(this, api.get('/family')
      .then(({ members, watchers, relations }) => this.setData({ members, watchers, relations })))
  },
  typed(event) { this.setData({ [event.currentTarget.dataset.field]: event.detail.value }) },
  pick(event) { this.setData({ relation: event.currentTarget.dataset.relation }) },
  see(event) {
    getApp().globalData.member = event.currentTarget.dataset.id
    wx.reLaunch({ url: '/pages/list/list' })
  },
  end(event) { api.tell(this, api.post(`/family/${event.currentTarget.dataset.id}/revoke`).then(() => this.load())) },
  whole() {
    if (this.data.number.trim().length >= 5 && this.data.name.trim()) return true
    this.setData({ problem: '请填写家人的号码和姓名，两项都需要。' })
    return false
  },
  proxy() {
    if (!this.whole()) return
    const { number, name, relation } = this.data
    api.tell(this, api.post('/family/proxy', { number, name, relation }).then(() => this.setData({ asked: true })))
  },
  child() {
    if (!this.whole()) return
    const { number, name } = this.data
    this.bound(api.post('/family/child', { number, name }))
  },
  resend() {
    api.tell(this, api.post('/family/resend').then(({ wait }) => this.setData({
      told: wait ? `1 分钟内只发一条，请用刚才那条，${wait} 秒后可以再发。` : '又发了一条验证码。'
    })))
  },
  consent() { this.bound(api.post('/family/consent', { code: this.data.code.trim() })) },
  bound(answer) {
    api.tell(this, answer.then(() => {
      this.setData({ asked: false, number: '', name: '', code: '', told: '已添加。' })
      return this.load()
    }))
  }
})
