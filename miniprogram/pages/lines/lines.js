const api = require('../../utils/api')

Page({
  data: { department: '', lines: [], loaded: false, problem: '' },
  onLoad({ id }) {
    api.tell(this, api.get(`/bills/${id}/lines`).then(({ department, lines }) => this.setData({ department, lines, loaded: true })))
  }
})
