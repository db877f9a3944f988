"""Reads the CBOR of Harp: unsigned numbers, byte strings, lists, maps with number keys; one encoding for each value."""


class Malformed(Exception):
    pass


def decode(data: bytes):
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise Malformed('bytes after the end')
    return value


def _head(data: bytes, at: int):
    if at >= len(data):
        raise Malformed('cut off')
    major, argument = data[at] >> 5, data[at] & 31
    at += 1
    if argument < 24:
        return major, argument, at
    if argument > 27:
        raise Malformed('not a definite head')
    length = 1 << (argument - 24)
    if at + length > len(data):
        raise Malformed('cut off')
    value = int.from_bytes(data[at:at + length], 'big')
    if value < (24 if length == 1 else 1 << (length * 4)):
        raise Malformed('a longer head than needed')
    if value > 2**53 - 1:
        raise Malformed('number out of range')
    return major, value, at + length


def _item(data: bytes, at: int, depth: int):
    major, argument, at = _head(data, at)
    if major == 0:
        return argument, at
    if major == 2:
        if at + argument > len(data):
            raise Malformed('cut off')
        return data[at:at + argument], at + argument
    if major not in (4, 5) or depth == 6:
        raise Malformed('a type that is not used here')
    if argument > len(data):
        raise Malformed('more items than bytes')
    items = []
    for _ in range(argument if major == 4 else argument * 2):
        item, at = _item(data, at, depth + 1)
        items.append(item)
    if major == 4:
        return items, at
    keys = items[::2]
    if any(type(key) is not int for key in keys) or sorted(set(keys)) != keys:
        raise Malformed('keys not in order')
    return dict(zip(keys, items[1::2])), at
