"""The worked vectors of the HIS interface reference: invented values, exact texts."""

from __future__ import annotations

APPID = "CSYYDEMO0000001"
KEY = "0123456789abcdef0123456789"

V1_BUSINESS = (
    '{"billBatchCode":"99060126","billNo":"0000000123","reason":"退费","operator":"收费员甲","busDateTime":'
    '"20260115093000123","placeCode":"001"}'
)
V1_BODY = (
    '{"appid":"CSYYDEMO0000001","data":"eyJiaWxsQmF0Y2hDb2RlIjoiOTkwNjAxMjYiLCJiaWxsTm8iOiIwMDAwMDAwM'
    "TIzIiwicmVhc29uIjoi6YCA6LS5Iiwib3BlcmF0b3IiOiLmlLbotLnlkZjnlLIiLCJidXNEYXRlVGltZSI6IjIwMjYwMTE1M"
    'DkzMDAwMTIzIiwicGxhY2VDb2RlIjoiMDAxIn0=","noise":"5f0c3c2e7d2a4b6f9a1e8d7c6b5a4f30","version":"1'
    '.0","sign":"9E810F9BF1F9BC5A3D326EBB50B36A27"}'
)
V1_MESSAGE = (
    '{"eScarletBillBatchCode":"99060126","eScarletBillNo":"0000000124","eScarletRandom":"b0c1d2","cre'
    'ateTime":"20260115093000456","billQRCode":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQ'
    'VR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==","pictureUrl":"http://ebill.example.org/medical-web/b/Xy'
    '7","pictureNetUrl":"","billBusDate":"20260115093000123"}'
)
V1_ANSWER = (
    '{"data":"eyJyZXN1bHQiOiJTMDAwMCIsIm1lc3NhZ2UiOiJleUpsVTJOaGNteGxkRUpwYkd4Q1lYUmphRU52WkdVaU9pSTV'
    "PVEEyTURFeU5pSXNJbVZUWTJGeWJHVjBRbWxzYkU1dklqb2lNREF3TURBd01ERXlOQ0lzSW1WVFkyRnliR1YwVW1GdVpHOXR"
    "Jam9pWWpCak1XUXlJaXdpWTNKbFlYUmxWR2x0WlNJNklqSXdNall3TVRFMU1Ea3pNREF3TkRVMklpd2lZbWxzYkZGU1EyOWt"
    "aU0k2SW1sV1FrOVNkekJMUjJkdlFVRkJRVTVUVldoRlZXZEJRVUZCUlVGQlFVRkNRMEZCUVVGQlFUWm1jSFJXUVVGQlFVTnJ"
    "iRVZSVmxJME1tMU9aMEZCUVVGQlowRkNOVk5tWlM5QlFVRkJRVUpLVWxVMVJYSnJTbWRuWnowOUlpd2ljR2xqZEhWeVpWVnl"
    "iQ0k2SW1oMGRIQTZMeTlsWW1sc2JDNWxlR0Z0Y0d4bExtOXlaeTl0WldScFkyRnNMWGRsWWk5aUwxaDVOeUlzSW5CcFkzUjF"
    'jbVZPWlhSVmNtd2lPaUlpTENKaWFXeHNRblZ6UkdGMFpTSTZJakl3TWpZd01URTFNRGt6TURBd01USXpJbjA9In0=","nois'
    'e":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","sign":"5E025BD9D42B8013B4429FF17B544E3D"}'
)
V2_ANSWER = (
    '{"data":"eyJyZXN1bHQiOiJFMDAwMSIsIm1lc3NhZ2UiOiI2SytsNTZXbzVvMnU1YmV5NVlheTZaU0E3N3lNNUxpTjZJTzk'
    '1WWF5NlpTQTVieUE1NldvIn0=","noise":"ffeeddccbbaa99887766554433221100","sign":"00E288F6EE0F6F70A6'
    '0E46BCB5D12A74"}'
)
V3_NOISE = "20260115093100789"
V3_DATA = "eyJyZXN1bHQiOiJTMDAwMCIsIm1lc3NhZ2UiOiI1cE9ONUwyYzVvaVE1WXFmIn0="
V3_SIGN = "ED463980B166580C88B85F01A625FC1C"
V4_BUSINESS = '{"placeCode":"003","pBillBatchCode":"4001","memo":"窗口0～~>>??"}'
V4_BODY = (
    "appid=CSYYDEMO0000001&data=eyJwbGFjZUNvZGUiOiIwMDMiLCJwQmlsbEJhdGNoQ29kZSI6IjQwMDEiLCJtZW1vIjoi5"
    "6qX5Y%2BjMO%2B9nn4%2BPj8%2FIn0%3D&noise=fixednoiseABCDEFGHIJK&version=1.0&sign=7E6FEC2E48BFF8E38"
    "80D758D09A7E81D"
)
V5_SIGN = "BAAF0EFD31E3551B2E19697A95236959"
V6_BUSINESS = (
    '{"busNo":"OP20260115000001","busType":"02","payer":"测试患者","busDateTime":"20260115092800000","pla'
    'ceCode":"001","payee":"收费员甲","author":"收费员甲","checker":"复核员乙","totalAmt":128.50,"payerType":"1",'
    '"cardType":"3101","cardNo":"T000000001","medicalInstitution":"综合医院","medicalCareType":"全自费","med'
    'CareTypeCode":"07","consultationDate":"20260115","patientCategory":"内科门诊","patientCategoryCode":'
    '"0301","patientNo":"MZ0000001","sex":"女","age":"36岁","caseNumber":"BL000001","accountPay":0,"fun'
    'dPay":0,"otherfundPay":0,"ownPay":128.50,"selfConceitedAmt":0,"selfPayAmt":0,"selfCashPay":128.5'
    '0,"reimbursementAmt":0,"payChannelDetail":[{"payChannelCode":"05","payChannelValue":128.50}],"is'
    'Arrears":"1","chargeDetail":[{"sortNo":1,"chargeCode":"0101","chargeName":"诊查费","unit":"次","std"'
    ':20.00,"number":1,"amt":20.00,"selfAmt":20.00},{"sortNo":2,"chargeCode":"0109","chargeName":"西药费'
    '","unit":"项","std":108.50,"number":1,"amt":108.50,"selfAmt":108.50}],"listDetail":[{"listDetailN'
    'o":"1","chargeCode":"0109","chargeName":"西药费","code":"YP0001","name":"示例药片","form":"片剂","specifi'
    'cation":"10mg*7","unit":"盒","std":54.25,"number":2,"amt":108.50,"selfAmt":108.50,"sortNo":1}]}'
)
V6_NOISE = "d3b07384-d113-4ec4-9f2a-1c2d3e4f5a6b"
V6_SIGN = "4BCB9CA221E7EA7431F48E710DF1693C"
