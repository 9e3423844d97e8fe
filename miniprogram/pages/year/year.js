const api = require('../../utils/api')

Page({
  data: { year: new Date().getFullYear(), sums: null, problem: '' },
  onLoad() { this.load(this.data.year) },
  load(year) {
    api.tell(this, api.get(`/years/${year}` + api.whose('?')).then((sums) => this.setData({
      year, sums: {
        count: sums.count, total: api.yuan(sums.total_fen), insured: api.yuan(sums.insured_fen), cash: api.yuan(sums.own_cash_fen),
        self: api.yuan(sums.self_pay_fen), cost: api.yuan(sums.own_cost_fen)
      }
    })))
  },
  before() { this.load(this.data.year - 1) },
  after() { this.load(this.data.year + 1) },
  save() {
    api.tell(this, api.file(`/years/${this.data.year}/self-pay.pdf` + api.whose('?'))
      .then((filePath) => wx.openDocument({ filePath, fileType: 'pdf', showMenu: true })))
  }
})
