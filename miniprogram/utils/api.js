// One way to the server: the token stays in memory only, is renewed by each answer, and is never put into an address.
const config = require('../config')
const LOST = { what: '没有网络', why: '请求没有发出去', next: '请检查网络后再试' }
const MUTE = { what: '没有办成', why: '服务器没有应答', next: '请稍后再试' }

function forget() { Object.assign(getApp().globalData, { token: '', level: 0, slip: '', member: '' }) }

// The server has forgotten us (a quarter of an hour unused): log in again, which needs no typing for who is bound.
function over() {
  forget()
  wx.reLaunch({ url: '/pages/scan/scan' })
}

function headers() {
  const { token } = getApp().globalData
  return token ? { Authorization: `Bearer ${token}` } : {}
}

function send(method, path, data) {
  return new Promise((resolve, reject) => {
    const { globalData } = getApp()
    const proved = globalData.level > 0
    wx.request({
      url: config.base + path,
      method,
      data,
      header: headers(),
      success({ statusCode, data: told }) {
        if (statusCode === 401 && proved) return over()
        if (statusCode !== 200) return reject(told && told.what ? told : MUTE)
        if (told.token) Object.assign(globalData, { token: told.token, level: told.level })
        resolve(told)
      },
      fail() { reject(LOST) }
    })
  })
}

function file(path) {
  return new Promise((resolve, reject) => {
    wx.downloadFile({
      url: config.base + path,
      header: headers(),
      success({ statusCode, tempFilePath }) {
        if (statusCode === 200) resolve(tempFilePath)
        else if (statusCode === 401) over()
        else reject({ what: '没有下载成', why: '票据暂时取不到', next: '请稍后再试' })
      },
      fail() { reject(LOST) }
    })
  })
}

// Whose bills the present pages are about, as the address says it: one's own without anything.
function whose(first) {
  const { member } = getApp().globalData
  return member ? `${first}member=${member}` : ''
}

module.exports = {
  // Show what went wrong on a page, else nothing.
  tell: (page, asked) => asked.then(
    () => page.setData({ problem: '' }),
    (error) => page.setData({ problem: `${error.what}：${error.why}。${error.next}。` })
  ),
  whose,
  get: (path) => send('GET', path),
  post: (path, data) => send('POST', path, data || {}),
  file,
  forget,
  over,
  LOST,
  words: (error) => `${error.what}：${error.why}。${error.next}。`,
  yuan: (fen) => `${fen < 0 ? '-' : ''}${Math.floor(Math.abs(fen) / 100)}.${String(Math.abs(fen) % 100).padStart(2, '0')}`
}
