// The hospital's address and code; the host must be a request and download domain in the mini-program's console.
module.exports = {
  base: 'https://qupiao.example.org/api/mini/v1',
  unit: 'pgzx',
  template: ''
}
