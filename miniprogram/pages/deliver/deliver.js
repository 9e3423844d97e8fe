const api = require('../../utils/api')

Page({
  data: { address: '', told: '', problem: '' },
  onLoad({ id }) { this.id = id },
  typed(event) { this.setData({ address: event.detail.value, told: '' }) },
  send() {
    api.post(`/bills/${this.id}/deliver`, { address: this.data.address.trim() })
      .then(({ state }) => this.setData({ told: state, problem: '' }))
      .catch((error) => this.setData({ problem: api.words(error) }))
  }
})
