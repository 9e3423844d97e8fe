App({ globalData: { token: '', level: 0 } })
