"""Bills as cards in WeChat's 卡包 and Alipay's 发票管家: authorised by the person, cancelled with the bill."""
