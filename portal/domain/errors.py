"""Refusals that people read: a stable code and a Chinese text saying what, why and what next.

Every refusal of a service is one :class:`Refusal`; the texts live in :data:`CATALOGUE` only, so that the
HIS answer, the patient page and the console say the same thing about the same cause.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One catalogue entry: HTTP status for page and JSON edges, and the three sentences (``str.format`` fields)."""

    status: int
    what: str
    why: str
    remedy: str


CATALOGUE: dict[str, Text] = {
    # envelope of the HIS interface
    "ENVELOPE_INVALID": Text(400, "请求无法识别", "{reason}", "请按接口文档检查报文格式后重发"),
    "APPID_UNKNOWN": Text(401, "应用账号无效", "应用账号 {appid} 未登记或已停用", "请联系票据管理员核对 appid"),
    "SIGN_WRONG": Text(401, "签名不正确", "按约定的签名串计算结果与 sign 不一致", "请检查签名私钥、字段顺序和字符编码"),
    "SIGN_OF_ANOTHER_METHOD": Text(
        401,
        "签名已用于其他接口",
        "同一份签名已用于另一个接口，不能再用于 {method}",
        "请用新的 noise 重新签名后调用",
    ),
    "METHOD_UNKNOWN": Text(404, "没有这个接口", "方法名 {method} 不存在", "请核对接口地址中的方法名"),
    "METHOD_NOT_OPEN": Text(
        501,
        "该接口不在平台提供",
        "{method}（{title}）由窗口电脑上的打印组件执行",
        "请打开应答中的 pictureUrl 打印，或在收费台、自助机上打印",
    ),
    "BODY_TOO_LARGE": Text(413, "报文过大", "报文超过 {limit} 字节", "请拆分清单或联系平台管理员"),
    # content of a settlement
    "FIELD_INVALID": Text(422, "数据校验未通过", "{problems}", "请在 HIS 中更正后用同一业务流水号重新推送"),
    "SUM_MISMATCH": Text(422, "金额不一致", "{problems}", "请核对各项金额后重新推送"),
    "POINT_UNKNOWN": Text(
        422, "开票点无效", "开票点 {place} 未登记或已停用", "请在开票点或接口账号的对照表中维护该编码"
    ),
    "KIND_MISSING": Text(
        409, "没有这个票据种类", "财政尚未核发{scene}票据的种类", "请票据管理员在基础信息中下载票据种类后重试"
    ),
    "SCENE_UNKNOWN": Text(
        422, "业务标识未对照", "业务标识 {bus_type} 没有对应的业务场景", "请在接口账号的业务标识对照表中维护"
    ),
    "SERIAL_CONFLICT": Text(
        409,
        "业务流水号重复",
        "流水号 {serial} 已开具票据 {bill}，本次内容与首次不同（{fields}）",
        "如为退费请先冲红，再用新的流水号开具；内容有误请核对 HIS 数据",
    ),
    "SERIAL_REVERSED": Text(
        409, "业务流水号已使用", "流水号 {serial} 对应的票据 {bill} 已冲红", "请使用新的业务流水号重新开具"
    ),
    "NAME_UNRENDERABLE": Text(
        422, "姓名含有无法显示的字符", "字符 {characters} 不在 GB 18030-2022 字库内", "请核对姓名录入"
    ),
    # stock
    "STOCK_EXHAUSTED": Text(
        409, "无可用票号", "开票点 {point} 的 {kind} 号段已用完", "请票据管理员为该开票点分发号段后重试"
    ),
    "YEAR_CODE_MISSING": Text(
        409,
        "没有新年度的票号",
        "{kind} {year} 年的票据代码 {bill_code} 在本单位还没有号段，上一年度的号码不能继续使用",
        "请票据管理员向财政申领 {year} 年的号段，入库并分发后，用同一业务流水号重试",
    ),
    "YEAR_WRONG": Text(
        409,
        "不是本年度的号码",
        "{bill_code} 是 {year} 年的票据代码，现在只能使用 {this} 年的",
        "请改用本年度的票据；旧年度未用的号码请撤回后申退",
    ),
    "NUMBER_NOT_NEXT": Text(
        409,
        "票号不是下一号",
        "开票点 {point} 的 {bill_code} 下一号是 {next}，不是 {given}",
        "请核对手中票据的号码；缺号、坏号请先做空白票报损",
    ),
    "NUMBERS_NOT_UNUSED": Text(
        409,
        "号码不是未用的号码",
        "{bill_code} 的 {first}–{last} 中有号码已使用，或不在开票点 {point} 的结存中",
        "请核对起止号，只能填写该开票点尚未使用的号码",
    ),
    # issuing desk
    "ENTRY_INVALID": Text(422, "填写有误", "{problems}", "请按提示更正，已填的内容都还在"),
    "CODE_TAKEN": Text(409, "编码已存在", "已有编码 {taken}", "请换一个编码，或修改原有的一条"),
    "ITEM_UNKNOWN": Text(404, "没有这个收费明细", "该项目不存在", "请刷新列表后重试"),
    "DRAFT_UNKNOWN": Text(404, "没有这份草稿", "草稿不存在、已删除，或不是您的草稿", "请在草稿列表中选择，或重新开始"),
    "DRAFT_CHANGED": Text(
        409, "草稿已在别处修改", "这份草稿在另一个窗口中保存过新的内容", "请重新打开草稿核对后再办理，本页内容没有保存"
    ),
    "MARK_KNOWN": Text(409, "已经登记过", "其中的号码已在特别保护名单中", "请在名单中查看，或只登记新的号码"),
    "MARK_UNKNOWN": Text(404, "没有这条登记", "登记不存在，或已取消保护", "请在特别保护名单中选择"),
    "PAYER_UNKNOWN": Text(404, "没有这位常用交款人", "记录不存在或已删除", "请重新填写交款人"),
    "FILE_REFUSED": Text(422, "文件不能导入", "{reason}", "{advice}"),
    "IMPORT_CHANGED": Text(
        409, "数据已有变化", "上传以后有人改动了其中的数据，变化与刚才显示的不同", "请重新核对下面的变化，再点应用"
    ),
    "IMPORT_WRONG": Text(
        422, "不能应用", "有 {count} 行有错，或没有需要改动的内容；没有导入任何一行", "请按原因更正文件后重新上传"
    ),
    "BATCH_UNKNOWN": Text(404, "没有这个批次", "批次不存在，或不是本单位的批次", "请在批量导入列表中选择"),
    "BATCH_STATE": Text(409, "批次不能这样操作", "批次{state}", "请刷新页面查看最新进度"),
    "BATCH_PURGED": Text(
        410,
        "批次内容已清除",
        "为保护个人信息，导入的内容在办结 {days} 天后清除",
        "请用原文件重新导入，已开的票不会重复",
    ),
    "SERIAL_ELSEWHERE": Text(
        409,
        "业务流水号已开过票",
        "流水号 {serial} 已由接口开具票据 {bill}",
        "请核对是否重复开票；确为另一笔业务请更正流水号",
    ),
    # card packs, mini-program
    "CARD_UNAVAILABLE": Text(409, "现在不能放入卡包", "{why}", "请下载 PDF 保存或报销"),
    "WECHAT_SILENT": Text(503, "没有放入卡包", "微信现在没有应答", "请稍后再试，或下载 PDF 保存"),
    "LOGIN_FAILED": Text(401, "登录失败", "{why}", "请重新打开小程序再试"),
    # reversal
    "ALREADY_REVERSED": Text(
        409, "该票据已冲销，不能冲销开票", "票据 {bill} 已冲红，红票为 {red}", "无需再冲；请按红票的代码和号码登记"
    ),
    "NOTHING_STOPPED": Text(
        409, "没有停下的上传", "票据 {bill} 的上传正在进行，或已经完成", "请刷新页面查看最新状态，无需重新上传"
    ),
    "NOT_REVERSED": Text(
        409, "这张票不能重开", "票据 {bill} 现在是“{state}”", "重开用于已冲红的票据；请先冲红，冲红后在票据页点“重开”"
    ),
    "NOTHING_LEFT": Text(
        422, "没有要重开的项目", "票据 {bill} 的各行都划去了", "全部退费时只冲红，不用重开；部分退费请只划去已退的行"
    ),
    "RED_NOT_REVERSIBLE": Text(409, "红票不能再冲红", "{bill} 本身是红票", "请用新的业务流水号重新开具正确的票据"),
    "PAPER_STILL_VALID": Text(
        409,
        "该票据已换开纸质票据，不能直接冲红",
        "纸质票据 {paper} 仍然有效",
        "请先收回纸质票据并作废，再冲红电子票据",
    ),
    "BILL_BOOKED": Text(
        409,
        "该票据已入账，不能冲红",
        "{booked}",
        "红票总是整张，只入账一部分也不能冲红。请交款人先到入账单位撤销入账，状态更新后再冲红",
    ),
    "REVERSAL_NEEDS_APPROVAL": Text(
        409, "大额冲红需要复核", "金额 {total} 元达到大额冲红金额 {limit} 元", "请提交复核，由另一人同意后自动冲红"
    ),
    # prepayment vouchers
    "VOUCHER_NOT_FOUND": Text(404, "未查询到预交金凭证", "没有凭证 {voucher}", "请核对凭证代码和号码"),
    "VOUCHER_BALANCE": Text(
        409,
        "预交金余额不足",
        "凭证 {voucher} 余额 {balance} 元，本次退款 {amount} 元",
        "请核对金额；已用于结算的部分须先冲红住院票据",
    ),
    "VOUCHER_STATE": Text(409, "预交金凭证不能这样操作", "凭证 {voucher} {state}", "{next}"),
    "VOUCHER_NEEDS_APPROVAL": Text(
        409,
        "大额退款需要复核",
        "凭证 {voucher} 连同本次共退 {total} 元，达到大额退款金额 {limit} 元",
        "请在开票系统提交复核，由另一人同意后自动办理",
    ),
    "VOUCHER_USE": Text(
        422, "预交金扣款有误", "{problems}", "请核对 payMentVoucher 中的凭证代码、号码和金额后重新推送"
    ),
    # basic information
    "KIND_NOT_ALLOWED": Text(
        409,
        "开票点不能开具该票种",
        "开票点 {point} 未允许 {kind}",
        "请在基础信息的开票点中勾选该票种，或换用其他开票点",
    ),
    "HIS_KEYS": Text(
        409, "已有两个密钥有效", "账号 {appid} 的新旧密钥正在同时使用", "请先确认 HIS 已改用新密钥，停用旧密钥后再更换"
    ),
    "CALLBACK_UNSIGNED": Text(
        401, "回执没有通过验签", "密钥编号、签名、时间戳或随机串不正确", "请核对密钥，并把时钟误差控制在 {seconds} 秒内"
    ),
    "CALLBACK_INVALID": Text(
        422,
        "回执内容不正确",
        "应为含 event_id 和 status（delivered、read、failed）的 JSON，最多 4 kB",
        "请按对接说明更正后重发",
    ),
    "PUSH_KEYS": Text(
        409, "已有新密钥", "推送目标 {name} 的新密钥还没有启用", "请先确认接收方已装入新密钥并启用，再更换下一个"
    ),
    "HIS_KEY_SEEN": Text(409, "密钥已显示过", "新密钥只显示一次", "没有记下的请再更换一次密钥"),
    "NOTICE_EMPTY": Text(422, "没有选择要打印的票据", "一次可以打印 1 至 {most} 张", "请勾选要打印的票据后再打印"),
    "VOUCHER_PAPER": Text(409, "纸质凭证不能作废", "纸质凭证 {paper} {state}", "请核对纸质凭证代码和号码"),
    "NUMBERS_NOT_IN_STOCK": Text(
        409,
        "号码不在单位库存中",
        "{bill_code} 的 {first}–{last} 不全是单位库存里未分发的号码",
        "请在票号地图上核对，只能填写单位库存的号码；已分发的请先撤回",
    ),
    "NUMBERS_NOT_VOID": Text(
        409,
        "号码不能销毁",
        "{bill_code} 的 {first}–{last} 不全是已作废的号码，或已有销毁单",
        "先作废或报损，再登记销毁；每个号码只登记一次",
    ),
    "STOCK_SHORT": Text(
        409, "单位库存不足", "{bill_code} 可分发 {free} 份，本次需要 {wanted} 份", "请先申领入库，或减少份数"
    ),
    "NOTHING_UNUSED": Text(409, "没有可撤回的号码", "分发单 {no} 的号码已全部使用", "无需撤回"),
    "DOCUMENT_UNKNOWN": Text(404, "没有这张单据", "单号 {no} 不存在", "请核对单号"),
    "DOCUMENT_STATE": Text(409, "单据当前不能这样办理", "{no} 现在是“{state}”", "请刷新后查看可办理的操作"),
    "APPLICATION_PENDING": Text(
        409, "已有未办结的申领", "{kind} 的申领单 {no} 还在等财政办理", "请等待结果，或先撤销上报"
    ),
    "SEGMENT_UNUSABLE": Text(409, "号段不能入库", "{problems}", "系统已拒收并报警；请联系财政部门核对后重新下发"),
    "SECOND_PERSON": Text(403, "须由另一人办理", "{no} 由您本人编制", "请由另一位有权限的人员确认"),
    # paper
    "PAPER_NOT_ALLOWED": Text(409, "该票据不能换开纸质票据", "票据状态为{state}", "{next}"),
    "PAPER_EXCHANGED": Text(
        409, "该票据已换开纸质票据", "纸质票据 {paper} 有效", "请使用重新换开，或先收回并作废该纸质票据"
    ),
    "PAPER_NOT_EXCHANGED": Text(409, "该票据尚未换开纸质票据", "{bill} 没有有效的纸质票据", "请使用换开"),
    "PAPER_TAKEN": Text(409, "该纸质票据已使用", "{paper} 已对应另一张电子票据", "请核对打印机中纸质票据的号码"),
    "PAPER_ENDED": Text(409, "该纸质票据已作废", "{paper} 状态为{state}", "请使用下一张纸质票据"),
    "PAPER_NOT_FOUND": Text(
        404,
        "未查询到纸质票据",
        "没有换开过号码为 {paper} 的纸质票据",
        "请核对纸质票据代码和号码；空白票请使用空白票报损",
    ),
    "PAPER_FORM_WRONG": Text(
        409,
        "纸质票据种类不符",
        "{kind}应换开到代码以 {prefix} 开头的纸质票据，不能用 {paper_code}",
        "请更换打印机中的票据，或在基础信息中维护对应的纸质票种",
    ),
    "PAPER_EXHAUSTED": Text(
        409, "无可用票据", "开票点 {point} 没有可用的纸质票据 {paper_code}", "请票据管理员分发纸质票据后重试"
    ),
    "PAPER_NOT_CONFIRMED": Text(
        409,
        "请先核对纸质票号",
        "本班在开票点 {point} 还没有核对过打印机中的纸质票号",
        "请照打印机中那张票据输入号码后再换开",
    ),
    "PAPER_SKIPS_TOO_MANY": Text(
        409,
        "跳过的号码太多",
        "打印机中的号码比下一号靠后 {count} 个，一次最多报损 {most} 个",
        "请核对输入的号码；确需报损请分段办理空白票报损",
    ),
    "PAPER_LOST_NEEDS_APPROVAL": Text(
        409, "纸质票据遗失需要复核", "{paper} 没有收回", "请填写遗失声明并提交复核，由另一人同意后作废"
    ),
    "PAPER_BATCH_EMPTY": Text(
        422,
        "没有可以换开的票据",
        "没有勾选票据，或没有填写打印机中的纸质票号",
        "请勾选票据并照打印机中那张输入号码，一次最多 {most} 张",
    ),
    "DEVICE_NAME_TAKEN": Text(409, "名称已使用", "已有名为“{name}”的设备", "请换一个名称"),
    "KIOSK_UNKNOWN": Text(401, "设备未登记", "口令不正确，或这台自助机已停用", "请工作人员在控制台“自助机”中查看"),
    "KIOSK_UNREADABLE": Text(
        422, "没有读到有效的卡或二维码", "读到的内容太短或太长", "请再刷一次卡，或扫告知单上的二维码"
    ),
    "KIOSK_NOTHING": Text(
        404, "没有可以打印的票据", "票据已换开、已冲红，或操作已超时", "请重新刷卡，或到收费窗口办理"
    ),
    "KIOSK_NO_PAPER": Text(
        409, "票纸不够", "剩余 {left} 张，需要 {wanted} 张", "已呼叫工作人员；可以少选几张，或到收费窗口办理"
    ),
    "UNPRINTED_NONE": Text(404, "未查询到未换开票据", "没有符合条件的未换开票据", "请核对卡号和日期范围"),
    # queries
    "BILL_NOT_FOUND": Text(404, "未查询到票据", "没有与所给要素一致的票据", "请核对票据代码、号码、校验码或业务流水号"),
    "STATE_ILLEGAL": Text(409, "当前状态不能这样操作", "账号{state}", "{next}"),
    # patient side
    "NOT_MATCHED": Text(
        200,
        "没有查到可以显示的票据",
        "可能还在开具中，或者填写的号码、姓名与医院登记的不一致",
        "请核对后再试，或带证件到收费窗口查询",
    ),
    "PHONE_CHANGED": Text(
        403,
        "这部手机还没有确认",
        "它是最近才登记的，在确认是您本人换的号以前，只能看登记它以后的票据",
        "请在票据列表里用以前的卡号确认，或带身份证到收费窗口确认",
    ),
    "CODE_WRONG": Text(422, "验证码不对", "验证码填错、已过期或已用过", "请核对短信，或重新获取验证码"),
    "TRY_LATER": Text(
        429, "操作太频繁", "为保护个人信息，短时间内尝试次数有限", "请{minutes}分钟后再试，或到收费窗口办理"
    ),
    "LINK_INVALID": Text(404, "这个取票链接打不开", "链接不完整、已失效或已作废", "请重新扫码，或到收费窗口补打告知单"),
    "BILL_NOT_YET": Text(
        404,
        "票据正在生成",
        "医院的结算还没有传到票据平台，或者链接抄写有误",
        "请稍后再打开同一个链接，或到收费窗口询问",
    ),
    "PERSON_UNKNOWN": Text(
        404, "没有这位家人", "授权不存在、已到期或已撤销", "请在“家人”页面重新添加，或到收费窗口办理"
    ),
    "COMPANY_KNOWN": Text(
        409, "已经开通过", "这家单位的这个手机号已有单位账户", "请在列表中修改有效期，或先撤销再开通"
    ),
    "COMPANY_UNKNOWN": Text(404, "没有这个单位账户", "账户不存在，或已撤销", "请在单位账户列表中选择"),
    "COMPANY_OVER": Text(
        403,
        "单位账户不能用了",
        "账户已到期、已撤销，或经办人手机已更换",
        "请带单位材料到医院办理，或拨打页面下方的电话",
    ),
    "REQUEST_UNKNOWN": Text(404, "没有这个申请", "申请编号不对，或不属于本单位", "请核对申请编号，或到收费窗口查询"),
    "REQUEST_CLOSED": Text(409, "已经答复过", "这个申请已由{by}答复", "请在列表中查看答复"),
    "CHOICE_EMPTY": Text(
        422, "没有选择票据", "一张也没有选，或者选的超过了 {most} 张", "一次最多 {most} 张，请少选一些"
    ),
    "LEVEL_TOO_LOW": Text(
        403, "要先核实本人", "凭告知单或刚登录时还看不了这一项", "请填号码和姓名，用手机验证码核实本人"
    ),
    "SESSION_OVER": Text(401, "需要重新验证", "为保护隐私，验证结果只保留一段时间", "请重新填写"),
    # staff side
    "LOGIN_REFUSED": Text(
        401,
        "没有登录成功",
        "用户名或密码不对，或账号已停用、已锁定",
        "请核对后再试；连续输错 10 次锁定 15 分钟，着急可请另一位管理员解锁",
    ),
    "SECOND_FACTOR_WRONG": Text(
        401, "动态码不对", "动态码填错、已过期或已用过", "请等手机上出现下一个动态码再试；手机丢失请另一位管理员重置"
    ),
    "PASSWORD_WEAK": Text(422, "新密码不符合要求", "{reason}", "请换一个密码"),
    "PERMISSION_MISSING": Text(403, "没有权限", "当前账号没有“{title}”权限", "需要办理请联系安全管理员授予角色"),
    "PAGE_NOT_FOUND": Text(404, "没有找到", "内容不存在，或不属于本单位", "请从左侧菜单重新进入"),
    "FORM_EXPIRED": Text(400, "页面已过期", "页面停留太久，或在另一个窗口重新登录过", "请返回上一页刷新后再提交"),
    "FORM_RUNNING": Text(
        409, "这次提交正在办理", "同一张表单已提交过一次，结果还没有返回", "请勿重复提交；稍后在列表中查看结果"
    ),
    "LIST_FILTER_OVER": Text(
        404, "筛选条件已过期", "这个筛选条件已过期，或不是您本人设的", "请回到列表重新填写，或重新扫码查找"
    ),
    "SECOND_LOOK": Text(422, "金额较大，还没有办理", "金额是 {amount}", "请再核对一遍；无误请勾选“金额无误”后再提交"),
    "INPUT_INVALID": Text(422, "填写有误", "{reason}", "请更正后重新提交"),
    "APPROVAL_NOT_FOUND": Text(404, "没有找到复核事项", "不存在，或不属于本单位", "请从待复核列表重新进入"),
    "APPROVAL_DECIDED": Text(409, "已经办理过", "这一事项已由{decider}办理", "请在列表中查看结果"),
    "APPROVAL_OWN": Text(403, "不能复核本人的申请", "申请人与复核人必须是两个人", "请另一位复核人办理"),
    "APPROVAL_PENDING": Text(409, "已提交过复核", "同一事项正在等待复核", "请在待复核列表中查看，或撤回后重新提交"),
    "POINT_CHANGED": Text(
        409,
        "开票点已切换，没有办理",
        "这张表单打开时是开票点 {shown}，现在是 {now}",
        "请返回上一页刷新，核对开票点后再提交；要在原开票点办理，请先在右上角切换回去",
    ),
    "POINT_NEEDED": Text(
        409, "还没有选择开票点", "当前账号没有挂接开票点，或还没有选定", "请在右上角选择开票点，或请系统管理员挂接"
    ),
    # general
    "BUSY": Text(503, "系统繁忙", "{reason}", "请稍后用同一业务流水号重试，不会重复开票"),
    "DATABASE_AWAY": Text(
        503,
        "系统暂时不能用",
        "数据库暂时没有应答；刚才这一步是否办成还不确定",
        "请过几秒刷新本页，先看一看再决定要不要重做",
    ),
    "INTERNAL": Text(
        500, "系统出错", "内部错误，编号 {request_id}", "数据没有改动；请稍后重试，仍不行请把编号告诉平台管理员"
    ),
}


class Refusal(Exception):
    """An input or state that the rules refuse. Carries a code of :data:`CATALOGUE` and the fields of its text.

    A field that the text does not name raises ``KeyError`` at construction, so a wrong call fails in tests.
    """

    def __init__(self, code: str, **fields: object) -> None:
        text = CATALOGUE[code]
        self.code, self.fields = code, fields
        self.status = text.status
        self.what = text.what
        self.why = text.why.format(**fields)
        self.remedy = text.remedy.format(**fields)
        super().__init__(f"{self.what}：{self.why}。{self.remedy}。")
