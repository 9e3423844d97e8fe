const api = require('../../utils/api')

Page({
  data: { spans: [], first: '', last: '', bills: [], left: 0, parts: [], loaded: false, problem: '' },
  onLoad() { this.load('', '') },
  load(first, last) {
    const days = first ? `?first=${first}&last=${last}${api.whose('&')}` : api.whose('?')
    api.tell(this, api.get('/bundle' + days).then((told) => this.setData({
      spans: told.spans, first: told.first, last: told.last, left: told.left_out, loaded: true,
      bills: told.bills.map((bill) => ({ ...bill, yuan: api.yuan(bill.total_fen) })),
      parts: Array.from({ length: told.parts }, (_, at) => at + 1)
    })))
  },
  pick(event) {
    const { first, last } = event.currentTarget.dataset
    this.load(first, last)
  },
  take(event) {
    const { first, last } = this.data
    api.tell(this, api.file(`/bundle/file?first=${first}&last=${last}&part=${event.currentTarget.dataset.part}` + api.whose('&'))
      .then((filePath) => wx.openDocument({ filePath, fileType: 'pdf', showMenu: true })))
  }
})
