// slip: what was scanned; member: whose bills are looked at, a relative's number or '' for one's own. Neither goes into an address.
App({ globalData: { token: '', level: 0, slip: '', member: '' } })
