const api = require('../../utils/api')

Page({
  data: { slip: '', name: '', scanned: false, problem: '' },
  onLoad() {
    const { slip } = getApp().globalData
    this.setData({ slip, scanned: slip !== '' })
  },
  typed(event) { this.setData({ [event.currentTarget.dataset.field]: event.detail.value }) },
  open() {
    const { slip, name } = this.data
    if (!slip.trim() || !name.trim()) return this.setData({ problem: '取票码和姓名两项都需要。' })
    api.tell(this, api.post('/slip', { slip: slip.trim(), name: name.trim() })
      .then(({ bill }) => wx.redirectTo({ url: `/pages/detail/detail?id=${bill}` })))
  }
})
