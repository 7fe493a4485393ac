"""The kinds of findings: for each what it means for the user, why it happens, and what to do about it.

One table, so that the docs, the command line and the tests cannot tell different stories.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class Kind(NamedTuple):
    """One kind of finding. An error keeps clients out or misleads them; a warning may; a note is to be known."""

    severity: Severity
    cause: str
    cure: str


def _error(cause: str, cure: str) -> Kind:
    return Kind("error", cause, cure)


def _warning(cause: str, cure: str) -> Kind:
    return Kind("warning", cause, cure)


def _note(cause: str, cure: str) -> Kind:
    return Kind("note", cause, cure)


NETWORK = {
    "name-unknown": _error(
        "No name server that this machine asks knows the host.",
        "Check the spelling, the VPN and the name server; `getent hosts NAME` shows what this machine sees.",
    ),
    "port-closed": _error(
        "Nothing listens at that port, or a firewall refuses.",
        "Start the server, or correct the port; a server in a container has to listen on 0.0.0.0 and be published.",
    ),
    "no-connection": _error(
        "Packets to the address are dropped: a firewall, a wrong network, a host that is down.",
        "Try from the network that the server is meant for; look at security groups and the VPN.",
    ),
    "address-dead": _note(
        "The name has several addresses and not all answer, often IPv6 where the server listens on IPv4 only.",
        "Listen on all addresses that the name has, or take the dead one out of the name; clients lose time on it.",
    ),
    "plain-http": _warning(
        "The URL is http:// and leads out of this machine: tokens and data travel readable.",
        "Serve over https, with a proxy that ends TLS before the server.",
    ),
    "certificate-expired": _error(
        "The certificate's end date is past.", "Renew it, and let the server load the new one; automate the renewal."
    ),
    "certificate-other-name": _error(
        "The certificate is for other host names than that of the URL.",
        "Use the name that the certificate has, or get one that has this name among its subject alternative names.",
    ),
    "certificate-untrusted": _error(
        "No authority that this machine trusts stands behind the certificate, or the chain lacks a link.",
        "Send the whole chain; for an authority of your own, trust it on this machine (SSL_CERT_FILE).",
    ),
    "tls-failed": _error(
        "The port answers, but not with TLS that this machine accepts: plain http perhaps, or only old versions.",
        "Try http:// if it is a server on this machine; otherwise serve TLS 1.2 or newer.",
    ),
    "certificate-ends-soon": _warning(
        "The certificate ends within two weeks.", "Renew it now, and look why nothing renews it by itself."
    ),
}
ENDPOINT = {
    "endpoint-moved": _error(
        "The address answers with a redirect to another origin, where clients send no credentials and no bodies.",
        "Configure the address it leads to, if it is the server's own.",
    ),
    "endpoint-redirects": _note(
        "The address answers with a redirect, often to the same path with a slash at its end, or without one. Not "
        "every client follows it with its body.",
        "Configure the address it leads to.",
    ),
    "endpoint-missing": _error(
        "There is a web server, and no MCP at that path.", "Add the path, which is /mcp for most servers."
    ),
    "not-mcp": _error(
        "Something answers that is not MCP: a web page, a gateway's error, another service.",
        "Check path and port; look at what a proxy in between does with POST and with JSON.",
    ),
    "no-answer": _error(
        "The connection stands, but the server does not answer within the time that was given.",
        "Look at its log; a lock or a slow start inside of it. --timeout gives it longer.",
    ),
    "connection-lost": _error(
        "The server ended the connection before it answered.", "Look at its log and stderr; it crashed or was stopped."
    ),
    "server-refused": _error(
        "The server answered the greeting with an error of its own.", "Read the error; look at the server's log."
    ),
    "version-unknown": _error(
        "Client and server have no protocol version in common.", "Bring the older of both up to date."
    ),
    "older-version": _note(
        "The server speaks an earlier revision than this client; what is new is not to be had there.",
        "Nothing has to be done; an update of the server's SDK brings the newer revision.",
    ),
}
AUTHORIZATION = {
    "login-needed": _error(
        "The server wants a login, and none is kept on this machine.",
        "`dragoman login URL`, or --header 'Authorization: Bearer TOKEN'.",
    ),
    "login-refused": _error(
        "A login is kept or given, and the server does not take it: revoked, ended, or for another resource.",
        "Log in again: `dragoman login URL`; --fix forgets a login that is kept.",
    ),
    "login-ended": _warning(
        "The login that is kept has ended and cannot be renewed, or came from a server that is no longer named.",
        "Log in again; --fix forgets the old one.",
    ),
    "challenge-missing": _error(
        "A 401 without a WWW-Authenticate field does not say how to get in (RFC 9110, section 15.5.2).",
        'Send `WWW-Authenticate: Bearer resource_metadata="https://..."` with every 401; see that no proxy drops it.',
    ),
    "metadata-missing": _error(
        "The server wants a login and publishes no resource metadata (RFC 9728), or not where it says.",
        "Serve /.well-known/oauth-protected-resource with the endpoint's path behind it, past every login page.",
    ),
    "metadata-broken": _error(
        "A well-known document is not JSON, or lacks what it must have.", "Correct the member that is named."
    ),
    "resource-differs": _error(
        "The metadata is for another resource than this URL, so tokens are for that one and refused here: clients "
        "log in again and again. A proxy's inside address, http for https, or another path are the usual reasons.",
        "Set the server's public URL to what clients use, all of it: scheme, host, port and path.",
    ),
    "issuer-missing": _error(
        "The authorization server's metadata is not to be had at its well-known places (RFC 8414, OpenID).",
        "Correct the issuer in authorization_servers, or let the authorization server publish its metadata.",
    ),
    "issuer-differs": _error(
        "The authorization server's metadata names another issuer than the one it was asked as; clients must not "
        "believe it (RFC 8414, section 3.3). A slash at the end counts.",
        "Write the issuer in both documents as the same text.",
    ),
    "endpoint-unsafe": _error(
        "An endpoint for codes or tokens is not https; clients send nothing there.", "Serve it over https."
    ),
    "pkce-missing": _error(
        "The authorization server does not say that it supports PKCE with S256, which clients must refuse.",
        'Publish "code_challenge_methods_supported": ["S256"], and support it.',
    ),
    "registration-missing": _warning(
        "The authorization server neither registers clients by itself nor takes client metadata documents.",
        "Register the client there by hand: `dragoman login URL --client-id ID`.",
    ),
    "redirect-differs": _error(
        "The authorization server sends the browser to another address than the one that the client registered and "
        "waits at (localhost for 127.0.0.1, another port or path, a page that leads to itself), or refuses that "
        "address. The client never gets its code, and begins again: a login that goes round in a loop.",
        "Let it compare redirect addresses as text, with any port on 127.0.0.1 (RFC 8252, section 7.3), and send "
        "the browser to exactly the one in the request; --fix forgets a registration that is kept.",
    ),
    "documents-unread": _note(
        "A document that the server names lies where this program may not look from here, or did not come in time.",
        "Read it by hand; for a server on the internet its documents must lie on the internet, over https.",
    ),
}
PROCESS = {
    "start-failed": _error(
        "The command cannot be started: not installed, not in PATH, not executable, a wrong folder.",
        "Run it in a terminal; in a client's file give the program's whole path, as clients have another PATH.",
    ),
    "start-ended": _error(
        "The process ended before it answered.", "Read what it said on stderr; run the command in a terminal."
    ),
    "start-hangs": _error(
        "The server prints logs to stdout, which carries the protocol: the answer is lost among them or behind a "
        "line that never ends, and the client waits until it gives up.",
        "Print to stderr (print(..., file=sys.stderr), console.error) and send logging there, libraries' too; "
        "`dragoman run FILE` keeps stdout clean by itself.",
    ),
    "start-silent": _error(
        "The process runs and answers nothing in time: it waits for something, or does not speak MCP on stdio.",
        "Look for an option such as --stdio, a question on the terminal, a download, or a database it waits for.",
    ),
    "start-slow": _warning(
        "The first answer took more than five seconds; some clients give up before.",
        "Do slow work at the first call, not while modules are imported; install packages beforehand.",
    ),
    "stdout-noise": _error(
        "The server writes to stdout what is no message. This client skips it, others break off.",
        "Print to stderr and send logging there, libraries' too; `dragoman run FILE` keeps stdout clean by itself.",
    ),
    "ignores-end": _warning(
        "The process went on after its stdin ended, which is how clients tell it to stop.",
        "End when stdin ends; don't wait for threads or timers that nobody needs any more.",
    ),
    "ignores-terminate": _error(
        "The process went on after the end of its stdin and after SIGTERM: it stays behind when clients close.",
        "Don't swallow SIGTERM; make background threads daemons.",
    ),
}
OFFERS = {
    "offered-not-served": _error(
        "The server declares a capability and has not its list.", "Declare what there is, and serve what is declared."
    ),
    "offered-empty": _note(
        "The server declares a capability and has nothing of it: clients ask and show an empty list. Resources are not"
        " missed where there are tools, whose results may link to what no list has.",
        "Declare it once there is something; if something should be there, look whether it is registered.",
    ),
    "served-not-offered": _warning(
        "The server has a list whose capability it does not declare: clients do not ask for it.",
        "Declare the capability, in the greeting and in discovery.",
    ),
    "nothing-offered": _warning(
        "The server has no tools, resources, templates or prompts, or they did not load.",
        "Look whether the modules that register them are imported, and whether the right server of the file is served.",
    ),
    "list-failed": _error(
        "A list cannot be fetched, or not read as what it is.",
        "Correct what the error names; look at the server's log.",
    ),
    "tool-left-out": _error(
        "Over HTTP clients leave out a tool whose x-mcp-header rules are invalid.",
        "Correct them in its input schema.",
    ),
    "name-twice": _error(
        "Two items of one list have one name: clients refuse the list, or take either.", "Give each a name of its own."
    ),
    "schema-invalid": _error(
        "A tool's schema is no valid JSON Schema, or refers out of itself; models and clients refuse the tool, or all.",
        "Correct the schema where it says; write `type: object` at its root.",
    ),
    "description-missing": _warning(
        "A model chooses tools by their descriptions, and this one has none.",
        "Say what it gives, for what, and when not to use it; in Dragoman a docstring is enough.",
    ),
    "description-generic": _warning(
        "The description says nothing that would set the tool apart, so that models never choose it, or always.",
        "Name the thing it works on, what comes back, and when to use it rather than its neighbours.",
    ),
    "descriptions-alike": _warning(
        "Tools have the same description: a model cannot tell which of them to choose.",
        "Say in each what the others do not do.",
    ),
    "definitions-heavy": _warning(
        "The definitions fill much of a model's context before the user has said a word.",
        "Offer fewer tools, shorter descriptions, flatter schemas; split the server by task.",
    ),
    "many-tools": _warning(
        "Models choose worse among many tools, and some clients take no more than a hundred.",
        "Offer fewer, or split the server by task.",
    ),
    "change-untold": _error(
        "The tools changed while the server ran and nobody was told, so that a client that keeps its list goes on "
        "without the new tool: listChanged is not declared, or declared and not sent.",
        "Declare tools.listChanged and send notifications/tools/list_changed at each change; in Dragoman adding a "
        "tool does both.",
    ),
    "kept-long": _note(
        "The server lets clients keep its list for more than an hour and tells nobody of changes.",
        "Lower ttlMs, or declare listChanged and tell of changes.",
    ),
    "resource-unreadable": _error(
        "The server lists a resource that it cannot give: moved, deleted, forbidden, or listed under another address.",
        "List what can be read; tell of changes (resources.listChanged); look at the server's log for the reason.",
    ),
    "template-invalid": _error(
        "A resource template is no URI template (RFC 6570): no client can fill it in.", "Correct its braces."
    ),
}
KINDS: dict[str, Kind] = {**NETWORK, **ENDPOINT, **AUTHORIZATION, **PROCESS, **OFFERS}
