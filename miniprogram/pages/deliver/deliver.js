const api = require('../../utils/api')

Page({
  data: { address: '', meant: '', sending: false, told: '', problem: '' },
  onLoad({ id }) { this.id = id },
  typed(event) { this.setData({ address: event.detail.value, meant: '', told: '', problem: '' }) },
  take() { this.setData({ address: this.data.meant, meant: '' }) },
  send() {
    const address = this.data.address.trim()
    if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(address)) return this.setData({ problem: '邮箱地址不完整，例如 name@qq.com。' })
    this.setData({ sending: true })
    api.post(`/bills/${this.id}/deliver`, { address, sure: this.data.meant !== '' })
      .then(({ sent, meant, state, note }) => this.setData({
        meant, told: sent ? `${address}：${state}${note ? `。${note}` : ''}` : '', problem: '', sending: false
      }))
      .catch((error) => this.setData({ problem: api.words(error), sending: false }))
  }
})
