"""A second verifier of Harp's proofs (docs/spec/proofs.md): Python's standard library, no code shared with Harp.

verify.py <folder>    checks the vectors in it, prints what it checked; exit 1 and the first difference otherwise
verify.py -           reads [{proof, trust}, ...] from standard input, prints the verdict on each as JSON
What it does not do: open revealed bodies (AES-256-GCM is not in the standard library); it checks their hashes and
the commitments to their secrets.
"""
import json
import os
import sys
from functools import lru_cache
from hashlib import sha3_256

sys.dont_write_bytecode = True
import ed25519  # noqa: E402
from cbor import Malformed, decode  # noqa: E402

SAFE = 2**53 - 1


def sha3(*parts):
    return sha3_256(b''.join(parts)).digest()


def label(name):
    return b'harp/' + name.encode() + b'/1\0'


class Refused(Exception):
    pass


def need(condition, reason='malformed'):
    if not condition:
        raise Refused(reason)


def is_bytes(value, length=None):
    return isinstance(value, bytes) and (length is None or len(value) == length)


def is_number(value, least=0, most=SAFE):
    return isinstance(value, int) and least <= value <= most


def fields(data, *wanted):
    need(isinstance(data, dict) and tuple(data) in wanted)
    return data


# Merkle log (RFC 9162, 2.1)

def log_root(entries):
    if len(entries) < 2:
        return sha3(b'\0', entries[0]) if entries else sha3()
    split = 1 << ((len(entries) - 1).bit_length() - 1)
    return sha3(b'\1', log_root(entries[:split]), log_root(entries[split:]))


def is_consistent(older, older_root, newer, newer_root, hashes):
    if older > newer:
        return False
    if older == 0:
        return not hashes and older_root == sha3()
    if older == newer:
        return not hashes and older_root == newer_root
    path = ([older_root] if older & (older - 1) == 0 else []) + hashes
    if len(path) < 2:
        return False
    first, second = older - 1, newer - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            old, new = sha3(b'\1', sibling, old), sha3(b'\1', sibling, new)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            new = sha3(b'\1', new, sibling)
        first, second = first >> 1, second >> 1
    return second == 0 and old == older_root and new == newer_root


# State map

def encode_head(major, number):
    for extra, bits in ((24, 8), (25, 16), (26, 32), (27, 64)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << bits:
            return bytes([major << 5 | extra]) + number.to_bytes(bits // 8, 'big')


def leaf_hash(place, heads, count, chain):
    content = b'\x83' + encode_head(4, len(heads)) + b''.join(b'\x58\x20' + head for head in heads)
    return sha3(label('map-leaf'), place, content + encode_head(0, count) + b'\x58\x20' + chain)


def bit_of(place, bit):
    return place[bit >> 3] >> (7 - (bit & 7)) & 1


def branch_hash(bit, left, right):
    return sha3(label('map-branch'), bytes([bit]), left, right)


def map_root(leaves):
    """The definition: `leaves` maps places to leaf hashes."""
    if not leaves:
        return sha3(label('map-empty'))
    places = sorted(leaves)
    if len(places) == 1:
        return leaves[places[0]]
    difference = int.from_bytes(places[0], 'big') ^ int.from_bytes(places[-1], 'big')
    bit = 256 - difference.bit_length()
    halves = [{place: leaves[place] for place in places if bit_of(place, bit) == side} for side in (0, 1)]
    return branch_hash(bit, *map(map_root, halves))


def climb(place, value, path):
    for bit, sibling in path:
        value = branch_hash(bit, sibling, value) if bit_of(place, bit) else branch_hash(bit, value, sibling)
    return value


def version_chain(hashes):
    value = bytes(32)
    for one in hashes:
        value = sha3(one, value)
    return value


# Entries and statements

def read_meta(data):
    need(len(data) <= 1024)
    plain = tuple(range(1, 12))
    meta = fields(decode(data), plain, plain + (12, 13))
    need(meta[1] == 1 and is_bytes(meta[2], 32) and is_bytes(meta[3], 32) and is_bytes(meta[4], 16))
    need(is_number(meta[5]) and is_bytes(meta[6], 8) and isinstance(meta[7], list) and len(meta[7]) <= 16)
    need(all(is_bytes(parent, 32) for parent in meta[7]) and sorted(set(meta[7])) == meta[7])
    need(is_bytes(meta[8], 16) and is_number(meta[9], 0, 4) and is_bytes(meta[10], 32))
    need(is_number(meta[11], 0, 2**20))
    is_genesis, is_operation = meta[9] == 0, meta[9] == 1
    need((meta[2] == bytes(32)) == is_genesis and not (is_genesis and (meta[5] > 0 or meta[7])))
    need((meta[8] == bytes(16)) != is_operation)
    if 12 in meta:
        need(is_operation and is_bytes(meta[12], 32) and is_number(meta[13], 1, 2**32 - 1))
    return meta


def read_statement(data):
    said = fields(decode(data), tuple(range(1, 11)), tuple(range(1, 12)))
    need(said[1] == 1 and all(is_bytes(said[key], 32) for key in (2, 3, 6, 7, 8, 10)))
    need(is_number(said[4]) and is_number(said[5]) and is_bytes(said[9], 8))
    need((said[4] == 0) == (said[10] == bytes(32)))
    unread = said.get(11, [b''])
    need(isinstance(unread, list) and unread and sorted(set(unread)) == unread)
    need(11 not in said or all(is_bytes(epoch, 16) for epoch in unread))
    return said


signed_by = lru_cache(None)(ed25519.verify)


def judge_statement(said, data, key, signature, trust):
    issuer = said[3].hex()
    need(issuer == trust.get('authority') or issuer in trust['devices'], 'untrusted-issuer')
    need(said[2].hex() == trust['folderId'], 'other-folder')
    need(sha3(label('device'), key) == said[3], 'signature')
    need(signed_by(key, label('statement') + data, signature), 'signature')


def read_older(text, trust):
    try:
        signed = fields(decode(bytes.fromhex(text)), (1, 2, 3, 4))
        need(signed[1] == 1 and is_bytes(signed[2]) and is_bytes(signed[3], 32) and is_bytes(signed[4], 64))
        said = read_statement(signed[2])
        judge_statement(said, signed[2], signed[3], signed[4], trust)
        return said, signed[2]
    except (Refused, Malformed):
        raise Refused('older-refused') from None


def may_follow(older, older_data, newer, newer_data):
    if older[3] != newer[3]:
        return True
    if newer[4] == older[4]:
        return newer_data == older_data
    if newer[4] == older[4] + 1:
        return newer[10] == sha3(label('statement-hash'), older_data)
    return newer[4] > older[4]


# History proofs

def read_node(node):
    fields(node, (1, 2, 3, 4))
    place, path, versions, heads = node.values()
    need(is_bytes(place, 32) and all(isinstance(part, list) for part in (path, versions, heads)))
    below = 256
    for step in path:
        need(isinstance(step, list) and len(step) == 2 and is_number(step[0], 0, below - 1) and is_bytes(step[1], 32))
        below = step[0]
    for one in versions:
        need(isinstance(one, list) and len(one) in (2, 4) and is_bytes(one[0]) and len(one[0]) <= 1024)
        need(is_bytes(one[1], 32))
        need(len(one) == 2 or (is_bytes(one[2]) and len(one[2]) <= 2**20 and is_bytes(one[3], 32)))
    need(versions and sorted(set(h for h in heads if is_number(h, 0, len(versions) - 1))) == heads)
    return node


def judge_node(node, folder, root):
    place, path, versions, heads = node.values()
    metas = []
    for one in versions:
        meta = read_meta(one[0])
        need(meta[2] == folder, 'other-folder')
        need(meta[9] == 1, 'not-a-version')
        metas.append(meta)
    hashes = [sha3(one[0], one[1]) for one in versions]
    leaf = leaf_hash(place, sorted(hashes[head] for head in heads), len(versions), version_chain(hashes))
    need(climb(place, leaf, path) == root, 'not-in-map')
    for meta, one in zip(metas, versions):
        if len(one) == 4:
            need(sha3(one[2]) == meta[10] and len(one[2]) == meta[11], 'not-the-body')
            need(one[2][16:48] == sha3(label('body-commitment'), one[2][:16], one[3]), 'not-the-body')
    told = [{'hash': value.hex(), 'deviceId': meta[3].hex(), 'seq': meta[5], 'bodyLength': meta[11]}
            for value, meta in zip(hashes, metas)]
    return {'place': place.hex(), 'heads': heads, 'versions': told}


def judge(text, trust):
    data = bytes.fromhex(text)
    need(len(data) <= 4 * 2**20, 'too-large')
    proof = fields(decode(data), (1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6))
    need(proof[1] == 1 and is_bytes(proof[2]) and len(proof[2]) <= 2**19)
    need(is_bytes(proof[3], 32) and is_bytes(proof[4], 64) and isinstance(proof[5], list))
    nodes = [read_node(node) for node in proof[5]]
    places = [node[1] for node in nodes]
    need(0 < len(nodes) <= 1024 and sorted(set(places)) == places and sum(len(node[3]) for node in nodes) <= 10_000)
    growth = proof.get(6)
    if growth is not None:
        need(isinstance(growth, list) and len(growth) == 2 and is_number(growth[0]) and isinstance(growth[1], list))
        need(len(growth[1]) <= 108 and all(is_bytes(value, 32) for value in growth[1]))
    said = read_statement(proof[2])
    judge_statement(said, proof[2], proof[3], proof[4], trust)
    if 'older' in trust:
        older, older_data = read_older(trust['older'], trust)
        need(growth is not None and growth[0] == older[5], 'not-grown')
        need(may_follow(older, older_data, said, proof[2]), 'not-grown')
        need(is_consistent(older[5], older[6], said[5], said[6], growth[1]), 'not-grown')
    else:
        need(growth is None, 'older-unknown')
    told = {'final': said[3].hex() == trust.get('authority'), 'index': said[4], 'size': said[5]}
    told['nodes'] = [judge_node(node, said[2], said[7]) for node in nodes]
    return told | ({'grewFrom': growth[0]} if growth else {})


def verdict(text, trust):
    try:
        return judge(text, trust)
    except Refused as refusal:
        return {'refused': str(refusal)}
    except Malformed:
        return {'refused': 'malformed'}


# Vectors

def expect(found, wanted, name):
    if found != wanted:
        sys.exit(f'{name}: found {found}, wanted {wanted}')


def check_folder(folder):
    def read(name):
        with open(os.path.join(folder, f'{name}.json'), encoding='utf-8') as file:
            return json.load(file)

    checks = 0
    log = read('merkle-log')
    entries = [bytes.fromhex(entry) for entry in log['entries']]
    roots = {one['size']: bytes.fromhex(one['root']) for one in log['roots']}
    for size, root in roots.items():
        expect(log_root(entries[:size]).hex(), root.hex(), f'root of {size}')
    for wanted, name in ((True, 'consistency'), (False, 'inconsistent')):
        for one in log[name]:
            hashes = [bytes.fromhex(value) for value in one['hashes']]
            older, newer = one['older'], one['newer']
            expect(is_consistent(older, roots[older], newer, roots[newer], hashes), wanted, f'{name} {older} {newer}')
    checks += len(roots) + len(log['consistency']) + len(log['inconsistent'])

    state, leaves = read('state-map'), {}
    for index, step in enumerate(state['steps']):
        for change in ('set', 'delete'):
            if change in step:
                one = step[change]
                place = sha3(label('map-place'), bytes.fromhex(state['mapKey']), bytes.fromhex(one['node']))
                expect(place.hex(), one['place'], f'place in step {index}')
                leaves.pop(place, None)
                if change == 'set':
                    heads = [bytes.fromhex(head) for head in one['heads']]
                    leaves[place] = leaf_hash(place, heads, one['count'], bytes.fromhex(one['chain']))
        expect(map_root(leaves).hex(), step['root'], f'map root after step {index}')
        if step['root'] == state['pathsAfterSets']['root']:
            full = dict(leaves)
    for one in state['pathsAfterSets']['paths']:
        place = bytes.fromhex(one['place'])
        path = [(bit, bytes.fromhex(sibling)) for bit, sibling in one['path']]
        expect(climb(place, full[place], path).hex(), state['pathsAfterSets']['root'], f'path of {one["place"]}')
    checks += len(state['steps']) + len(state['pathsAfterSets']['paths'])

    chains = read('chains')
    for chain in chains['chains']:
        ids = [bytes.fromhex(chain[name]) for name in ('folderId', 'deviceId', 'incarnation')]
        before = sha3(label('chain'), *ids)
        expect(before.hex(), chain['start'], 'start of a chain')
        for seq, entry in enumerate(chain['entries']):
            data = bytes.fromhex(entry['meta'])
            meta = read_meta(data)
            expect([meta[2], meta[3], meta[4], meta[5]], [*ids, seq], 'coordinates of an entry')
            before = sha3(data, before)
            expect(before.hex(), entry['hash'], 'hash of an entry')
            checks += 1
    versions = [bytes.fromhex(value) for value in chains['versionChain']['entries']]
    for count, value in enumerate(chains['versionChain']['values'], 1):
        expect(version_chain(versions[:count]).hex(), value, f'version chain of {count}')
        checks += 1

    proofs = read('history-proofs')
    for one in proofs['accepted']:
        expect(verdict(one['proof'], one['trust']), one['told'], one['name'])
    for one in proofs['refused']:
        if not one.get('opening'):
            expect(verdict(one['proof'], one['trust']), {'refused': one['reason']}, one['name'])
    print(f'{checks + len(proofs["accepted"]) + len(proofs["refused"])} vectors hold')


if __name__ == '__main__':
    if sys.argv[1] == '-':
        print(json.dumps([verdict(one['proof'], one['trust']) for one in json.load(sys.stdin)]))
    else:
        check_folder(sys.argv[1])
