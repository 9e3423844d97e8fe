const api = require('../../utils/api')
const FIELDS = [
  { name: 'code', title: '票据代码', hint: '8 位数字', type: 'number' },
  { name: 'number', title: '票据号码', hint: '10 位数字', type: 'number' },
  { name: 'check', title: '校验码', hint: '6 位，分大小写', type: 'text' },
  { name: 'day', title: '开票日期', hint: '2026-11-18', type: 'text' },
  { name: 'amount', title: '金额（元）', hint: '128.50', type: 'text' }
]

Page({
  data: { fields: FIELDS, found: null, problem: '' },
  onLoad() { this.face = {} },
  typed(event) { this.face[event.currentTarget.dataset.field] = event.detail.value.trim() },
  verify() {
    const missing = FIELDS.filter(({ name }) => !this.face[name])
    if (missing.length) {
      return this.setData({ found: null, problem: `还没有填：${missing.map(({ title }) => title).join('、')}。` })
    }
    api.post('/verify', this.face)
      .then((found) => this.setData({ found, problem: '' }))
      .catch((error) => (error.code === 'SESSION_OVER'
        ? api.over()
        : this.setData({ found: null, problem: api.words(error) })))
  }
})
