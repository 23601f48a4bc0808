// The one style sheet of all pages. It stands in the page; the policy names its digest, so that nothing else can style a page.

import { hash } from 'node:crypto'

export const STYLE = `
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#16191f;--soft:#586174;--line:#d9dde5;--accent:#1d4fd7;--on-accent:#fff;--danger:#b42318;
--warn-ink:#7a4b00;--warn:#fff6e0;--warn-line:#e8c268;--good:#0b6b3a;--code:#eef0f4}
@media (prefers-color-scheme:dark){:root{--page:#0f1216;--card:#181c22;--ink:#e8eaee;--soft:#a0a9ba;--line:#2d333d;--accent:#8aadff;--on-accent:#0b1533;
--danger:#ff8f85;--warn-ink:#ffd98a;--warn:#2c2410;--warn-line:#6d5a22;--good:#74d6a2;--code:#232933}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
a{color:var(--accent)}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.25rem .5rem}
header,main,footer{max-width:44rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:center;justify-content:space-between;padding-top:1.25rem}
.brand{display:flex;gap:.6rem;align-items:center;font-weight:650;color:inherit;text-decoration:none}
.brand svg{width:1.6rem;height:1.6rem;color:var(--accent)}
.brand small{font-weight:400;color:var(--soft)}
nav{display:flex;gap:1rem;flex-wrap:wrap}
nav a[aria-current]{color:inherit;text-decoration:none;font-weight:650}
main{padding-top:1.25rem;padding-bottom:1rem}
main.narrow{max-width:34rem}
section,.card{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.25rem 1.5rem;margin:0 0 1rem}
h1{font-size:1.45rem;line-height:1.25;margin:.1rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .4rem;overflow-wrap:anywhere}
p{margin:.4rem 0}
.soft,small{color:var(--soft)}
dl{margin:.9rem 0;border-top:1px solid var(--line)}
dl>div{display:grid;grid-template-columns:10.5rem 1fr;gap:.1rem 1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;min-width:0}
code{font:.9em ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--code);border-radius:.3rem;padding:.05rem .3rem;overflow-wrap:anywhere}
ul.plain{list-style:none;padding:0;margin:.6rem 0}
ul.plain>li{padding:.45rem 0}
label.pick{display:flex;gap:.7rem;align-items:flex-start;cursor:pointer}
label.pick input{margin:.3rem 0 0;width:1.05rem;height:1.05rem;flex:none;accent-color:var(--accent)}
fieldset{border:0;padding:0;margin:1rem 0}legend{font-weight:650;padding:0}
.field{display:block;margin:.7rem 0}.field span{display:block;font-weight:600}
input[type=text],input[type=password]{font:inherit;width:100%;padding:.55rem .7rem;border:1px solid var(--line);border-radius:.5rem;background:var(--page);color:inherit}
.actions{display:flex;gap:.7rem;flex-wrap:wrap;margin-top:1.1rem}
button,.button{font:inherit;font-weight:600;padding:.6rem 1.2rem;border-radius:.55rem;border:1px solid var(--line);background:var(--card);color:inherit;cursor:pointer;text-decoration:none;display:inline-block}
button.go,.button.go{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
button.danger{color:var(--danger)}
button.link{border:0;background:none;padding:0;font-weight:400;color:var(--accent);text-decoration:underline}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.row{display:flex;gap:.75rem 1.25rem;justify-content:space-between;align-items:flex-start;flex-wrap:wrap}
.row>div{flex:1 1 15rem;min-width:0;overflow-wrap:anywhere}
.notice{border:1px solid var(--warn-line);background:var(--warn);color:var(--warn-ink);border-radius:.7rem;padding:.7rem 1rem;margin:.9rem 0}
.notice.good{background:none;border-color:currentColor;color:var(--good)}
.notice.bad{background:none;border-color:currentColor;color:var(--danger)}
.notice p:first-child{margin-top:0}.notice p:last-child{margin-bottom:0}
.tag{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.85rem;color:var(--soft)}
article.entry{border-top:1px solid var(--line);padding:.9rem 0 .2rem;margin-top:.7rem}article.entry dl{border-top:0;margin:.3rem 0}article.entry dl>div:last-child{border-bottom:0}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
footer{color:var(--soft);font-size:.9rem;padding-bottom:2rem}
footer form{display:inline}
table{width:100%;border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
@media (max-width:30rem){section,.card{padding:1rem}dl>div{grid-template-columns:1fr}.actions>*{flex:1 1 100%;text-align:center}.actions button{width:100%}}
`

/** The source expression of a Content-Security-Policy that lets this style sheet apply and no other. */
export const STYLE_SOURCE = `'sha256-${hash('sha256', STYLE, 'base64')}'`
