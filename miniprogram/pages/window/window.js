const api = require('../../utils/api')

Page({
  data: { image: '', until: '', problem: '' },
  show() {
    api.tell(this, api.post('/window' + api.whose('?')).then(({ image, until }) => this.setData({ image, until })))
  }
})
