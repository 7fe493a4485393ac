"""How text that is meant for the model speaks, as patterns over plain text: small letters, one space between words.

Each kind has the sentence that its user reads. Words in angle brackets stand for the alternatives below.
Limit: a list of known ways, mostly in English. Source: threat 11, and what was published about poisoned servers.
"""

from __future__ import annotations

import re

_WORDS = {
    "<gap>": r"[^.]{0,40}",
    "<near>": r"[^.]{0,20}",
    "<far>": r"[^.]{0,80}",
    "<user>": r"(user|human|person|operator|owner|anyone|anybody|them|him|her)",
    "<tool>": r"(tools?|functions?|servers?)",
    "<model>": r"(ai|llm|language model|model|assistant|agent|chatbot)s?",
    "<orders>": r"(instructions?|rules?|guidelines?|prompts?|directions?|polic(y|ies)|(restrict|constrain|warn)\w+)",
    "<talk>": r"(conversations?|chats?|messages?|chat history|system prompt|prompts?|dialog(ue)?s?)",
    "<secret>": r"(api[ _-]?keys?|passwords?|private keys?|secrets?|access tokens?|credentials|ssh keys?|cookies)",
    "<take>": r"(read|pass|include|send|copy|provide|append|attach|add|put|insert|forward|upload|use|fetch|open)",
    "<tell>": r"(tell|inform|mention|reveal|show|notify|alert|disclose|report|ask|confirm|warn|bother)(ing)?",
    "<done>": r"(approved|agreed|confirmed|consented|authori[sz]ed|permitted|allowed|trusted|verified|whitelisted)",
}  # fmt: skip

_PHRASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("instruction", "it tells the model to forget what it was told", (
        r"\b(ignor(e|ing)|disregard|forget|bypass|skip|drop)\b<gap>\b(previous|prior|earlier|above|preceding|all|any|"
        r"other|your|system|safety|user'?s?)\b<near>\b<orders>\b",
        r"\b(ignore|disregard|forget) (everything|anything|all|what)\b<gap>\b(above|before|said|told|asked|so far)\b",
        r"\bignorier\w*\b<gap>\b(anweisung|vorgab|regel)",
        r"\b(pretend|imagine|act as if|behave as if)\b<near>\b(no|without|free of)\b<near>\b<orders>",
        r"\b<orders>\b<near>\b(above|before|so far)\b<gap>\b(test|void|invalid|outdated|wrong|obsolete|no longer)\b",
        r"\bignor(e|ez|er)\b<gap>\b(instructions|consignes)\b<near>\b(precedent|anterieur)",
        r"\bignora\b<gap>\b(instrucciones|istruzioni)",
        r"忽略[^。]{0,12}(指令|指示|说明)",
        r"(игнорируи|игнорируй)<gap>(инструкци|указани)",
        r"指示[^。]{0,8}無視",
    )),
    ("instruction", "it takes on the voice of the system or of the developers", (
        r"</?(important|system|secret|instructions?|admin|critical|sys|override|hidden|priority)\b[^>]{0,40}>",
        r"\[/?(system|admin|important|inst|hidden|secret)\]",
        r"<\|[a-z_]{2,20}\|>|<<sys>>",
        r"\b(new|updated|real|hidden|secret|additional|extra) (system )?(instructions?|directives?|orders?)\b<near>:",
        r"\b(system|developer|admin(istrator)?) (prompt|message|override|notice|note|mode|instruction)s? ?:",
        r"\byou are now (in )?(an?|the|dan|developer|unrestricted|free|admin)\b",
        r"\b(note|message|instructions?|reminder|attention) (to|for) (the |any |all )?<model> ?[:,!(-]",
        r"\bas an? <model>,? you (must|should|have to|will)\b",
        r"\b(dear|hey|attention),? <model>\b",
    )),
    ("secrecy", "it wants something kept from the user", (
        r"\b(not|don'?t|never|avoid|no need to|without|cannot)\b<near>\b<tell>\b<near>\b(the )?<user>\b",
        r"\b(keep|stay|remain|be) (this |it |that )?(a )?(secret|hidden|silent|quiet|confidential)\b",
        r"\bsilently\b<gap>\b(call|run|execute|do|<take>)\b",
        r"\b(user|human) (must|should|can|will|need|do|does) ?(not|never|n't) (know|see|be told|notice|be aware)\b",
        r"\bbehind the (user|human)'?s back\b",
        r"\bnicht\b<gap>\b(be)?nutzer\b|\b(be)?nutzer\b<gap>\bnichts?\b<near>\b(sagen|mitteilen|erwahnen)",
        r"\bne (dis|dites|parle|parlez) (pas|rien)\b<gap>\butilisateur\b",
        r"\bne\b<near>\b(dis|dit|dites|parle|mentionn|revel|montr)\w*\b<gap>\butilisateur",
        r"\bno (se )?(le |lo )?(digas?|menciones?|reveles?|cuentes?|muestres?)\b<gap>\busuari",
    )),
    ("coercion", "it puts itself before other tools, or before the user's words", (
        r"\b(before|prior to|instead of|rather than)\b<near>\b(any|every|all|each)\b( of)?( the)?( other)? <tool>\b",
        r"\b(before|prior to) (any|every|each|all) (other )?(actions?|requests?|answers?|responses?|operations?)\b",
        r"\b(do not|don'?t|never) (use|call|trust|invoke|run) (any |the |all )?(other|another|different) <tool>\b",
        r"\b(other|remaining|all) <tool> (are|were|have been) (deprecated|unsafe|broken|disabled|outdated|malicious)\b",
        r"\b(even if|regardless of|no matter)\b<near>\b(the )?<user>\b",
        r"\b(takes?|has|have) (precedence|priority) over\b",
        r"\b(prefer|choose|use|pick) this\b<near>\b(in (every|all|any) cases?|always|over (all|any|every|the) other)\b",
        r"\b(call|use|run|invoke) (it|this|me)( tool)? first\b",
        r"\b(so that|or|for|else)\b<near>\b(other|all) <tool> (can |will |to |do not )?(function|work|break|fail)",
        r"\boverrid(e|es|ing) (all|any|every|other|the)\b",
        r"\b(always|must)\b<near>\b(call|use|invoke|run)\b<near>\b(this|me)\b<near>\b(first|regardless|instead of)\b",
        r"\b(call|use|invoke|run) (this|me)\b<near>\b(for|on|with|in) (every|each|all) (request|message|answer)s?\b",
        r"\bno (further |user )?(confirmation|approval|consent|permission) (is )?(needed|required|necessary)\b",
        r"\b(call|run|invoke|use|repeat|retry)\b<gap>\b(forever|endlessly|indefinitely|without end|until stopped)\b",
    )),
    ("fake-result", "it holds what looks like a message or a result", (
        r"</?(tool_?(result|response|output|call|use)s?|function_?(result|call|response)s?|assistant|human|observation)>",
        r"(^|[\n \"'])(human|assistant|user|tool result|observation) ?: ?(yes|ok|sure|please|i |call|now|go|send)",
        r"[\"']role[\"'] ?: ?[\"'](system|assistant|tool|user|developer)[\"']",
        r"\brole ?: ?(system|assistant|developer)\b",
        r"\b(user|human|admin(istrator)?|security team|anthropic|openai) (ha(s|ve) )?(already |just )?(pre-?)?<done>\b",
        r"\b<done> by (the )?(user|human|admin\w*|security|system|anthropic|openai)\b",
        r"[\"']iserror[\"'] ?: ?false\b|[\"']jsonrpc[\"'] ?:",
    )),
    ("secrets", "it speaks of files where keys and logins lie", (
        r"\.(ssh|aws|gnupg|kube|netrc|npmrc|pypirc|git-credentials)\b(?!\.)",
        r"(?<![a-z])id_(rsa|ed25519|ecdsa|dsa)\b|/etc/(passwd|shadow|sudoers)\b",
        r"(^|[\s/'\"`(])\.env\b(?!\w|\.(example|sample|template))|\.cursor/mcp\.json|\bclaude_desktop_config\b",
        r"169\.254\.169\.254|metadata\.google\.internal",
        r"\b<take>\b<gap>\b<secret>\b<far>\b(in|to|into|as|of|with)\b<near>\b(parameter|argument|field|sidenote|url|server|https?)\b",
        r"\b<take>\b<near>\b(all |the )?(environment variables|contents of (the )?(config|settings|environment))\b",
        r"\b(browser|saved|stored) (cookies|passwords|history|logins)\b",
        r"\b(print|dump|output|echo|export|collect)\b<near>\b(the |all |your )(environment|env( vars?| variables?)?)\b",
    )),
    ("exfiltration", "it wants something sent elsewhere", (
        r"\b(send|post|forward|upload|transmit|leak|bcc|cc|copy|report|submit|deliver|mirror)\b<far>\b(to|at|via)\b<near>"
        r"(https?://|ftp://|wss?://|[a-z0-9_.+-]{1,60}@[a-z0-9-]{1,60}\.[a-z]{2,})",
        r"!\[[^\]]{0,60}\]\(https?://|<img\b[^>]{0,80}src",
        r"\b(full|entire|whole|complete|previous|all( of)?( the)?|your) <talk>\b<gap>\b(in|as|into|to|here|with)\b",
        r"\b<take>\b<near>\b(full|entire|whole|complete|previous|all( of)?( the)?|your|this|the) <talk>\b",
        r"\b(javascript|vbscript|data:text/html) ?:",
        r"https?://[^ ]{0,200}\?[^ ]{0,80}= ?(followed|and then|with|plus|<|\{)",
        r"\b(each|every|all) (message|prompt|question)s?\b<near>\b(of|in|from) (this|the) (session|chat|talk|user)\b",
        r"\b<take>\b<near>\bside ?notes?\b",
        r"\b(recipients?|destination|payee|iban|address)\b<gap>\b(always|instead|replace|rewrite)\b<far>(@|\d{6,}|0x\w{6})",
        r"\b(change|replace|rewrite|set|redirect)\b<gap>\b(recipients?|destination|payee|iban|address)\b<far>(@|\d{6,}|0x\w{6})",
    )),
    ("command", "it holds a command that fetches or destroys", (
        r"\b(curl|wget|iwr|invoke-webrequest)\b[^|]{0,200}\| ?(sudo )?(ba|z|da)?sh\b",
        r"\brm -(rf|fr)\b|/dev/tcp/|\bmkfs\b|:\(\) ?\{ ?:\|:",
        r"\bpowershell(\.exe)? -(e|enc|nop|w)\w*\b",
        r"\bos\.system\(|\bsubprocess\.(run|popen|call)|\bchild_process\b|__import__\(",
        r"\$\([^)]{0,80}(curl|wget|cat|id|env)\b|`(curl|wget|cat|env)\b|\bbase64 (-d|--decode)\b",
        r"[;&|] ?(curl|wget|nc|rm|cat) [^ ]",
        r"\bdrop table\b|\bunion select\b|'; ?--",
    )),
)  # fmt: skip


def _filled(pattern: str) -> str:
    # Twice: what stands for <take> may stand within another.
    for _ in range(2):
        for word, meaning in _WORDS.items():
            pattern = pattern.replace(word, meaning)
    return pattern


RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (kind, why, re.compile("|".join(map(_filled, patterns)))) for kind, why, patterns in _PHRASES
)
