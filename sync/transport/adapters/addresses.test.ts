import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, test } from 'vitest';
import { keyOf } from '../testing/fixtures.ts';
import { addressOfPeer, bestFirst, networkOf, reachOf, toldToOthers } from './addresses.ts';
import { keyOfPeer, peerOfKey } from './peer-keys.ts';

const id = peerOfKey(keyOf(1)).toString();
const other = peerOfKey(keyOf(2)).toString();

describe('addresses', () => {
  test('of a peer end in its id and go over TCP', () => {
    expect(addressOfPeer('/ip4/10.0.0.1/tcp/4001', id)).toBe(`/ip4/10.0.0.1/tcp/4001/p2p/${id}`);
    expect(addressOfPeer(`/dns4/example.org/tcp/1/p2p/${id}`, id)).toBe(`/dns4/example.org/tcp/1/p2p/${id}`);
    const relayed = `/ip4/1.2.3.4/tcp/1/p2p/${other}/p2p-circuit/p2p/${id}`;
    expect(addressOfPeer(relayed, id)).toBe(relayed);
    for (const bad of [
      '',
      'nonsense',
      `/ip4/10.0.0.1/tcp/4001/p2p/${other}`,
      '/ip4/10.0.0.1/udp/4001',
      '/ip4/300.0.0.1/tcp/1',
      `/dns4/${'long.'.repeat(100)}org/tcp/1`,
    ]) {
      expect(addressOfPeer(bad, id), bad).toBeUndefined();
    }
  });

  test('are told by what they go through', () => {
    const reaches = {
      '/ip4/127.0.0.1/tcp/1': 'loopback',
      '/ip6/::1/tcp/1': 'loopback',
      '/ip4/192.168.1.2/tcp/1': 'local-network',
      '/ip4/172.31.0.1/tcp/1': 'local-network',
      '/ip4/172.32.0.1/tcp/1': 'internet',
      '/ip4/100.64.0.1/tcp/1': 'local-network',
      '/ip4/169.254.0.1/tcp/1': 'link-local',
      '/ip6/fd00::1/tcp/1': 'local-network',
      '/ip6/fe80::1/tcp/1': 'link-local',
      '/ip6/2001:db8::1/tcp/1': 'internet',
      '/dns4/example.org/tcp/1': 'internet',
      [`/ip4/1.2.3.4/tcp/1/p2p/${id}/p2p-circuit`]: 'relay',
      [`/ip4/127.0.0.1/tcp/1/p2p/${id}/p2p-circuit`]: 'loopback',
    };
    expect(Object.fromEntries(Object.keys(reaches).map((address) => [address, reachOf(address)]))).toEqual(reaches);
    const sorted = bestFirst(Object.keys(reaches).reverse());
    expect(sorted.map(reachOf)).toEqual(sorted.map(reachOf).sort((a, b) => rank.indexOf(a) - rank.indexOf(b)));
  });

  test('that only this machine can reach are told when there are no others', () => {
    const [loopback, local] = ['/ip4/127.0.0.1/tcp/1', '/ip4/10.0.0.1/tcp/1'];
    expect(toldToOthers([loopback, local, '/ip6/fe80::1/tcp/1', local])).toEqual([local]);
    expect(toldToOthers([loopback])).toEqual([loopback]);
    expect(toldToOthers([])).toEqual([]);
  });

  test('come from one network when nobody can tell them apart', () => {
    const network = (text: string) => networkOf(multiaddr(text));
    expect(network('/ip4/203.0.113.5/tcp/1')).toBe(network('/ip4/203.0.113.5/tcp/2'));
    expect(network('/ip4/203.0.113.5/tcp/1')).not.toBe(network('/ip4/203.0.113.6/tcp/1'));
    expect(network('/ip6/2001:db8:1:2::1/tcp/1')).toBe(network('/ip6/2001:db8:1:2:3:4:5:6/tcp/1'));
    expect(network('/ip6/2001:db8:1:2::1/tcp/1')).not.toBe(network('/ip6/2001:db8:1:3::1/tcp/1'));
    expect(network('/ip6/::ffff:203.0.113.5/tcp/1')).not.toBe(network('/ip6/::ffff:203.0.113.6/tcp/1'));
    expect(network(`/ip4/1.2.3.4/tcp/1/p2p/${other}/p2p-circuit/p2p/${id}`)).toBeUndefined();
  });
});

const rank = ['local-network', 'internet', 'relay', 'loopback', 'link-local'];

test('a peer id is its key', () => {
  expect(keyOfPeer(peerOfKey(keyOf(7)))).toEqual(keyOf(7));
});
