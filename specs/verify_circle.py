"""circle.md and relay.md for verify.py: circles and wraps, tags and packages of what a relay keeps."""
import hmac
import struct

from verify import aes_gcm, expand, labelled, need, unsealed


def circle_id(alliance, steward, nonce): return {"id": labelled(b"circle", alliance, steward, nonce)}


def circle_commitment(circle, epoch, secret): return {"commitment": labelled(b"epoch", circle, struct.pack(">Q", epoch), secret)}


def circle_unwrap(secret, circle, epoch, audience, wrap):
    kek = expand("sha256", secret, b"suyuan/1 wrap\n" + circle + struct.pack(">Q", epoch) + audience, 32)
    return need(len(secret) == 32 and len(wrap) == 48, "wrap") and {"key": aes_gcm(kek, bytes(12), wrap, "wrap")}


def tag_of(key, author, incarnation, number):
    return {"tag": expand("sha256", key, b"suyuan/1 relay-tag\n" + author + struct.pack(">QQ", incarnation, number), 32)}


def epoch_key(secret, circle, epoch):
    return expand("sha256", secret, b"suyuan/1 relay\n" + circle + struct.pack(">Q", epoch), 32)


def relay_tag(secret, circle, epoch, author, incarnation, counter):
    return tag_of(epoch_key(secret, circle, epoch), author, incarnation, counter)


def relay_pair(shared, alliance, steward, steward_key, member, member_key, incarnation, number):
    info = b"suyuan/1 relay-pair\n" + alliance + steward + steward_key + member + member_key
    need(any(shared), "slip")
    return tag_of(expand("sha256", hmac.digest(bytes(32), shared, "sha256"), info, 32), steward, incarnation, number)


def relay_open(secret, circle, epoch, tag, package):
    context = b"suyuan/1 relay-package\n" + tag
    return {"item": unsealed(expand("sha256", epoch_key(secret, circle, epoch), context, 32), context, package, 9 * 2**19)}
