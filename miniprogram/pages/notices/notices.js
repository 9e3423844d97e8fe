const api = require('../../utils/api')

Page({
  data: { notices: [], seen: '', loaded: false, told: '', problem: '' },
  onLoad() { this.load() },
  load() {
    return api.tell(this, api.get('/notices').then(({ notices, seen }) => this.setData({
      notices: notices.map((one) => ({ ...one, yuan: api.yuan(one.bill.total_fen) })), seen, loaded: true
    })))
  },
  open(event) { wx.navigateTo({ url: `/pages/detail/detail?id=${event.currentTarget.dataset.id}` }) },
  mark() { api.tell(this, api.post('/notices/seen', { seen: this.data.seen }).then(() => this.load())) },
  deny(event) {
    api.tell(this, api.post(`/notices/${event.currentTarget.dataset.id}/not-me`)
      .then(() => this.setData({ told: '不会再往那里发，也已告诉窗口。' })))
  }
})
