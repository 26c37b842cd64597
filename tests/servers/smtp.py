"""A mail server for tests: aiosmtpd, told over standard input how to behave.

Every message it takes becomes two files in the spool: NAME.eml with the bytes as they came, and NAME.json with the
envelope and what Python's own parser reads in them. The .json appears last and whole. What happens on the way is a line
of JSON in events.jsonl. One line on standard output says the port; each command is answered by a line "done N".

Commands, one JSON object a line:
  {"rule": {"stage": "rcpt"|"text", "to": ADDRESS or "*", "do": ACTION, "times": N or null}}
  {"forget": true}              all rules
  {"password": TEXT}            the only password that is good from now on
ACTION is a reply such as "550 5.1.1 No such user", or "cut" (the connection, nothing taken), "take-and-cut" (the message is
taken, its answer never leaves), or "hang" (no answer until the client goes).

It ends when standard input does, so it never outlives its test.
"""

import argparse
import asyncio
import email
import email.policy
import json
import os
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult


class Spool:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.events = open(os.path.join(folder, "events.jsonl"), "a", encoding="utf-8")

    def tell(self, what, **facts):
        self.events.write(json.dumps({"at": time.time(), "what": what, **facts}) + "\n")
        self.events.flush()

    def take(self, server, session, envelope):
        self.count += 1
        name = f"{time.time_ns():020d}-{self.count:06d}"
        raw = envelope.content
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        body = parsed.get_body(("plain",))
        facts = {
            "at": time.time(),
            "mailFrom": envelope.mail_from,
            "mailOptions": envelope.mail_options,
            "recipients": envelope.rcpt_tos,
            "login": session.login if hasattr(session, "login") else None,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "messageId": parsed["Message-ID"] and str(parsed["Message-ID"]),
            "subject": parsed["Subject"] and str(parsed["Subject"]),
            "from": addresses(parsed["From"]),
            "to": addresses(parsed["To"]),
            "replyTo": addresses(parsed["Reply-To"]),
            "date": parsed["Date"] and str(parsed["Date"]),
            "mimeVersion": parsed["MIME-Version"] and str(parsed["MIME-Version"]),
            "text": body.get_content() if body else None,
            "defects": [str(defect) for part in parsed.walk() for defect in part.defects],
        }
        self.write(name + ".eml", raw)
        # UTF-8 in headers (RFC 6532) comes out of the parser as escaped bytes.
        text = json.dumps(facts, ensure_ascii=False).encode("utf-8", "surrogateescape")
        self.write(name + ".json", text)

    def write(self, name, data):
        hidden = os.path.join(self.folder, "." + name)
        with open(hidden, "wb") as file:
            file.write(data)
        os.rename(hidden, os.path.join(self.folder, name))


def addresses(header):
    if header is None:
        return []
    return [{"name": one.display_name, "address": one.addr_spec} for one in header.addresses]


class Conduct:
    """What the server does; the answers of the protocol hang on it."""

    def __init__(self, spool, password):
        self.spool = spool
        self.password = password
        self.rules = []

    def command(self, command):
        if "rule" in command:
            self.rules.append(command["rule"])
        elif "forget" in command:
            self.rules.clear()
        elif "password" in command:
            self.password = command["password"]
        else:
            raise ValueError(f"no such command: {command}")

    def action(self, stage, recipients):
        for rule in self.rules:
            meant = rule["to"] == "*" or rule["to"] in recipients
            if rule["stage"] == stage and meant and rule.get("times") != 0:
                if rule.get("times") is not None:
                    rule["times"] -= 1
                return rule["do"]
        return None

    def authenticate(self, server, session, envelope, mechanism, data):
        good = data.password == (self.password or "").encode()
        tls = server.transport.get_extra_info("ssl_object") is not None
        self.spool.tell("auth", mechanism=mechanism, good=good, tls=tls)
        return AuthResult(success=good, handled=False)

    async def act(self, server, action):
        """The reply of an action; one that gives none never comes back."""
        if action == "cut":
            server.transport.abort()
        if action in ("cut", "hang"):
            await asyncio.Event().wait()
        return action

    async def handle_RCPT(self, server, session, envelope, address, options):
        action = self.action("rcpt", [address])
        self.spool.tell("rcpt", to=address, action=action)
        if action:
            return await self.act(server, action)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server, session, envelope):
        action = self.action("text", envelope.rcpt_tos)
        self.spool.tell("text", to=envelope.rcpt_tos, action=action)
        if action == "take-and-cut":
            self.spool.take(server, session, envelope)
            action = "cut"
        if action:
            return await self.act(server, action)
        self.spool.take(server, session, envelope)
        return "250 2.0.0 Taken"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spool", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--password")
    parser.add_argument("--smtputf8", action="store_true")
    parser.add_argument("--tls", choices=["starttls", "tls"])
    parser.add_argument("--certificate", help="a PEM file with the certificate and its key")
    options = parser.parse_args()

    loop = asyncio.get_running_loop()
    spool = Spool(options.spool)
    conduct = Conduct(spool, options.password)
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate)
    starttls = {"tls_context": context, "require_starttls": True} if options.tls == "starttls" else {}
    login = {"authenticator": conduct.authenticate, "auth_required": True, "auth_require_tls": False}

    def session():
        spool.tell("connect")
        return SMTP(
            conduct,
            hostname="mail.test",
            loop=loop,
            enable_SMTPUTF8=options.smtputf8,
            **(login if options.password is not None else {}),
            **starttls,
        )

    at_once = context if options.tls == "tls" else None
    server = await loop.create_server(session, "127.0.0.1", options.port, backlog=1024, ssl=at_once)
    print(server.sockets[0].getsockname()[1], flush=True)

    commands = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    done = 0
    while line := await commands.readline():
        conduct.command(json.loads(line))
        done += 1
        print(f"done {done}", flush=True)
    os._exit(0)


asyncio.run(main())
