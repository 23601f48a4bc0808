// The one style sheet of all pages. It stands in the page; the policy names its digest, so that nothing else can style a page.

import { hash } from 'node:crypto'

export const STYLE = `
:root{color-scheme:light dark;--page:#f3f5f8;--card:#fff;--ink:#141a24;--soft:#566074;--line:#dce1ea;--accent:#1747c9;--on-accent:#fff;--danger:#b3261e;
--warn-ink:#6f4600;--warn:#fff5dc;--warn-line:#e6c26a;--good:#0a6b3c;--good-back:#e7f5ed;--bad-back:#fdecea;--code:#eef1f6}
@media (prefers-color-scheme:dark){:root{--page:#0e1218;--card:#171c24;--ink:#e7eaf0;--soft:#a2acbd;--line:#2c3441;--accent:#8fb0ff;--on-accent:#0a1430;
--danger:#ff938a;--warn-ink:#ffdc92;--warn:#2a220f;--warn-line:#6b5823;--good:#7ad8a6;--good-back:#12291d;--bad-back:#331816;--code:#232b37}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans","DejaVu Sans",sans-serif}
a{color:var(--accent)}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.25rem .5rem}
header{background:var(--card);border-bottom:1px solid var(--line)}
.bar{display:flex;flex-wrap:wrap;gap:.35rem 1.5rem;align-items:center;max-width:54rem;margin:0 auto;padding:.8rem 1.25rem}
.brand{display:flex;gap:.55rem;align-items:center;font-weight:650;letter-spacing:-.01em}
.brand svg{width:1.55rem;height:1.55rem;color:var(--accent)}
.who{margin-left:auto;display:flex;flex-wrap:wrap;gap:0 .9rem;align-items:baseline;color:var(--soft);font-size:.9rem}.who strong{color:var(--ink)}.who form{display:inline}
nav{display:flex;gap:1rem;flex-wrap:wrap}
nav a{color:var(--soft);text-decoration:none}nav a[aria-current]{color:var(--ink);font-weight:600}
main{max-width:54rem;margin:0 auto;padding:2rem 1.25rem 3rem}
main.narrow{max-width:39rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.6rem 1.8rem;margin:0 0 1.25rem;box-shadow:0 1px 2px #0000000d,0 6px 20px #0000000a}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.015em;margin:0 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .4rem;overflow-wrap:anywhere}
p{margin:.45rem 0}
.soft,small{color:var(--soft)}
small{font-size:.86rem}
dl{margin:1rem 0;border-top:1px solid var(--line)}
dl>div{display:grid;grid-template-columns:9.5rem 1fr;gap:.1rem 1rem;padding:.6rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;min-width:0}
code{font:.88em ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;background:var(--code);border-radius:.3rem;padding:.1rem .35rem;overflow-wrap:anywhere;-webkit-box-decoration-break:clone;box-decoration-break:clone}
ul.plain{list-style:none;padding:0;margin:.6rem 0 0;border:1px solid var(--line);border-radius:.6rem}
ul.plain>li+li{border-top:1px solid var(--line)}
label.pick{display:flex;gap:.75rem;align-items:flex-start;cursor:pointer;padding:.65rem .9rem}
label.pick input{margin:.25rem 0 0;width:1.05rem;height:1.05rem;flex:none;accent-color:var(--accent)}
fieldset{border:0;padding:0;margin:1.2rem 0;min-width:0}legend{font-weight:600;padding:0}
.field{display:block;margin:1rem 0}.field span{display:block;font-weight:600;margin-bottom:.3rem}
input[type=text],input[type=password]{font:inherit;width:100%;padding:.6rem .75rem;border:1px solid var(--soft);border-radius:.5rem;background:var(--card);color:inherit}
.actions{display:flex;gap:.75rem;flex-wrap:wrap;margin-top:1.3rem}
button,.button{font:inherit;font-weight:600;padding:.6rem 1.3rem;border-radius:.5rem;border:1px solid var(--line);background:var(--card);color:inherit;cursor:pointer;text-decoration:none;display:inline-block}
button:hover,.button:hover{border-color:var(--soft)}
button.go,.button.go{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
button.danger{color:var(--danger);padding:.4rem .95rem}.row .button{padding:.4rem .95rem}
button.link{border:0;background:none;padding:0;font-weight:400;color:var(--accent);text-decoration:underline}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.row{display:flex;gap:.75rem 1.25rem;justify-content:space-between;align-items:flex-start;flex-wrap:wrap}
.row>div{flex:1 1 15rem;min-width:0;overflow-wrap:anywhere}
.notice{border:1px solid var(--warn-line);background:var(--warn);color:var(--warn-ink);border-radius:.6rem;padding:.7rem 1rem;margin:1rem 0}
.notice.good{background:var(--good-back);border-color:currentColor;color:var(--good)}
.notice.bad{background:var(--bad-back);border-color:currentColor;color:var(--danger)}
.notice p:first-child{margin-top:0}.notice p:last-child{margin-bottom:0}
.notice ul{margin:.4rem 0;padding-left:1.3rem}.actions+.soft{margin-top:.9rem}
.sign{width:2.6rem;height:2.6rem;padding:.55rem;border-radius:50%;margin-bottom:.7rem;display:block}
.sign.good{color:var(--good);background:var(--good-back)}.sign.bad{color:var(--danger);background:var(--bad-back)}
.tag{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.82rem;color:var(--soft)}
article.entry{border-top:1px solid var(--line);padding:1rem 0 .3rem;margin-top:.8rem}article.entry dl{border-top:0;margin:.3rem 0}article.entry dl>div:last-child{border-bottom:0}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:34rem){main{padding:1rem .9rem 2rem}section{padding:1.15rem 1.1rem}.bar{padding:.7rem .9rem}dl>div{grid-template-columns:1fr}.actions>*{flex:1 1 100%;text-align:center}.actions button{width:100%}}
`

/** The source expression of a Content-Security-Policy that lets this style sheet apply and no other. */
export const STYLE_SOURCE = `'sha256-${hash('sha256', STYLE, 'base64')}'`
