const api = require('../../utils/api')
const WRONG = [
  { wrong: 'name', words: '姓名写错' },
  { wrong: 'number', words: '证件号或卡号写错' },
  { wrong: 'phone', words: '手机号写错' },
  { wrong: 'amount', words: '金额或项目不对' },
  { wrong: 'other', words: '其他' }
]

Page({
  data: { places: WRONG, wrong: '', right: '', phone: '', number: '', problem: '' },
  onLoad({ id }) { this.id = id },
  pick(event) { this.setData({ wrong: event.currentTarget.dataset.wrong }) },
  typed(event) { this.setData({ [event.currentTarget.dataset.field]: event.detail.value }) },
  ask() {
    const { wrong, right, phone } = this.data
    if (!wrong) return this.setData({ problem: '请选择哪里写错了。' })
    if (!right.trim()) return this.setData({ problem: '请写上正确的内容。' })
    api.tell(this, api.post(`/bills/${this.id}/correction`, { wrong, right, phone }).then(({ number }) => this.setData({ number })))
  }
})
