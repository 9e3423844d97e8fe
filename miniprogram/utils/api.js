// One way to the server: the token stays in memory only, is renewed by each answer, and is never put into an address.
const config = require('../config')

function send(method, path, data) {
  return new Promise((resolve, reject) => {
    const { globalData } = getApp()
    wx.request({
      url: config.base + path,
      method,
      data,
      header: globalData.token ? { Authorization: `Bearer ${globalData.token}` } : {},
      success({ statusCode, data: told }) {
        if (statusCode !== 200) return reject(told && told.what ? told : { what: '没有办成', why: '服务器没有应答', next: '请稍后再试' })
        if (told.token) Object.assign(globalData, { token: told.token, level: told.level })
        resolve(told)
      },
      fail() { reject({ what: '没有网络', why: '请求没有发出去', next: '请检查网络后再试' }) }
    })
  })
}

function file(path) {
  return new Promise((resolve, reject) => {
    wx.downloadFile({
      url: config.base + path,
      header: { Authorization: `Bearer ${getApp().globalData.token}` },
      success({ statusCode, tempFilePath }) {
        if (statusCode === 200) resolve(tempFilePath)
        else reject({ what: '没有下载成', why: '票据暂时取不到', next: '请稍后再试' })
      },
      fail() { reject({ what: '没有网络', why: '下载没有开始', next: '请检查网络后再试' }) }
    })
  })
}

module.exports = {
  get: (path) => send('GET', path),
  post: (path, data) => send('POST', path, data || {}),
  file,
  words: (error) => `${error.what}：${error.why}。${error.next}。`,
  yuan: (fen) => `${fen < 0 ? '-' : ''}${Math.floor(Math.abs(fen) / 100)}.${String(Math.abs(fen) % 100).padStart(2, '0')}`
}
