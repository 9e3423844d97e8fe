const api = require('../../utils/api')

Page({
  data: { day: '', amount: '', person: '', phone: '', number: '', found: null, problem: '' },
  typed(event) { this.setData({ [event.currentTarget.dataset.field]: event.detail.value }) },
  look() {
    const { day, amount } = this.data
    api.tell(this, api.post('/why', { day, amount }).then((told) => this.setData({
      found: { ...told, found: told.found.map((one) => ({ ...one, id: one.bill.id, yuan: api.yuan(one.bill.total_fen) })) }
    })))
  },
  open(event) { wx.navigateTo({ url: `/pages/detail/detail?id=${event.currentTarget.dataset.id}` }) },
  ask() {
    const { day, amount, person, phone } = this.data
    if (!person.trim() || !/^1\d{10}$/.test(phone.trim())) return this.setData({ problem: '请留下患者姓名和 11 位的手机号，窗口才能答复您。' })
    api.tell(this, api.post('/why/ask', { day, amount, person, phone: phone.trim() }).then(({ number }) => this.setData({ number })))
  }
})
