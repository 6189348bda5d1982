"""What people might write into a field so that it runs in the browser of whoever reads it."""

from __future__ import annotations

RUN = "top.ran%d=1"  # the trace that each leaves behind, by its number
SCRIPTS = [
    text.replace("RUN", RUN % number)
    for number, text in enumerate(
        [
            "<script>RUN</script>",
            "</script><script>RUN</script>",
            "<ScRiPt x>RUN</sCrIpT >",
            "<img src=x onerror=RUN>",
            '<img/src="x"/onerror=RUN>',
            '"><img src=x onerror=RUN>',
            "'><img src=x onerror=RUN>",
            "</title><img src=x onerror=RUN>",
            "</textarea><img src=x onerror=RUN>",
            "</td></tr></table><img src=x onerror=RUN>",
            "--><img src=x onerror=RUN>",
            "<style onload=RUN></style>",
            "<svg><image href=x onerror=RUN>",
            "<svg><script>RUN</script></svg>",
            "<svg><animate onbegin=RUN attributeName=x dur=1s>",
            "<details open ontoggle=RUN>",
            "<video><source onerror=RUN>",
            "<iframe srcdoc='<script>RUN</script>'></iframe>",
            "<iframe src=javascript:RUN></iframe>",
            "<input autofocus onfocus=RUN>",
            '" onerror=RUN x="',
            "' onerror=RUN x='",
            "x onerror=RUN",
            "javascript:RUN//",
            "JaVa\tScRiPt:RUN//",
            " javascript:RUN//",
            "data:text/html,<script>RUN</script>",
            "';RUN;//",
            '";RUN;//',
            "${RUN}",
        ]
    )
]
# no scripts, but each has led a page astray: templates, directions, odd characters, other places
ODD = [
    "{{7*7*191}}{%raw%}${7*7*191}#{7*7*191}",
    "\u202egnp.live\u202c\u200b\ufeff",
    "a\u0001\u0008\u001b[31m\u007f\u0085\u2028\u2029%00\\0",
    "&lt;b&gt; &#106;avascript: &amp;amp;",
    "\U0001f4a9" * 8 + "e\u0301\u0323" * 8,
    "long" * 120,
    "https://evil.example/a.png",
    "//evil.example/a.png",
]
CORPUS = [*SCRIPTS, *ODD]
SOLVED = str(7 * 7 * 191)


def careless(text: str) -> list[str]:
    """Return pieces of a page that put a text somewhere, each as it is."""
    return [
        f"<p>{text}</p>",
        f'<img src=x alt="{text}">',
        f"<img src=x alt='{text}'>",
        f"<img src={text}>",
        f"<textarea>{text}</textarea>",
        f'<iframe src="{text}"></iframe>',
        f"<script>var a = '{text}'</script>",
        f'<script>var a = "{text}"</script>',
        f"<script>var a = `{text}`</script>",
        f"<!-- {text} -->",
    ]
