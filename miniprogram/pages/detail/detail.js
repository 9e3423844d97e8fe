const api = require('../../utils/api')

Page({
  data: { bill: null, problem: '' },
  onLoad({ id }) { this.id = id },
  // Coming back from a mail or a correction shows what has become of it.
  onShow() {
    api.get(`/bills/${this.id}`)
      .then((bill) => this.setData({
        bill: {
          ...bill,
          yuan: api.yuan(bill.total_fen),
          reversed: api.yuan(-bill.total_fen),
          insured: api.yuan(bill.insured_fen),
          own: api.yuan(bill.own_cash_fen),
          whole: getApp().globalData.level === 2,
          others: (bill.replacement.length ? bill.replacement : bill.same_day)
            .map((one) => ({ ...one, yuan: api.yuan(one.total_fen) })),
          items: bill.items.map((item) => ({ ...item, yuan: api.yuan(item.amount_fen) }))
        }
      }))
      .catch((error) => this.setData({ problem: api.words(error) }))
  },
  save() {
    api.file(`/bills/${this.id}/file.pdf`)
      .then((filePath) => wx.openDocument({ filePath, fileType: 'pdf', showMenu: true }))
      .catch((error) => this.setData({ problem: api.words(error) }))
  },
  go(event) { wx.navigateTo({ url: `/pages/${event.currentTarget.dataset.page}?id=${this.id}` }) },
  open(event) { wx.navigateTo({ url: `/pages/detail/detail?id=${event.currentTarget.dataset.id}` }) },
  mail() { wx.navigateTo({ url: `/pages/deliver/deliver?id=${this.id}` }) }
})
