const api = require('../../utils/api')

Page({
  data: { address: '', sending: false, told: '', problem: '' },
  onLoad({ id }) { this.id = id },
  typed(event) { this.setData({ address: event.detail.value, told: '', problem: '' }) },
  send() {
    const address = this.data.address.trim()
    if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(address)) return this.setData({ problem: '邮箱地址不完整，例如 name@qq.com。' })
    this.setData({ sending: true })
    api.post(`/bills/${this.id}/deliver`, { address })
      .then(({ state }) => this.setData({ told: `${address}：${state}`, problem: '', sending: false }))
      .catch((error) => this.setData({ problem: api.words(error), sending: false }))
  }
})
