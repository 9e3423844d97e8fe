const api = require('../../utils/api')

Page({
  data: { offers: [], agreed: '', loaded: false, told: '', problem: '' },
  onLoad({ id }) {
    this.id = id
    this.load()
  },
  load() {
    return api.tell(this, api.get(`/bills/${this.id}/cards`).then(({ offers }) => this.setData({ offers, loaded: true })))
  },
  agree(event) { this.setData({ agreed: event.currentTarget.dataset.platform }) },
  put() {
    api.tell(this, api.post(`/bills/${this.id}/cards`, { platform: this.data.agreed, agree: true }).then(({ link }) => {
      this.setData({ agreed: '' })
      if (!link) return this.load()
      wx.setClipboardData({ data: link })
      this.setData({ told: '最后一步：链接已复制，请发给“文件传输助手”再点开，点“领取”，票据几分钟内出现在卡包的“票证”里。' })
    }))
  }
})
