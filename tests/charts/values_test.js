// Values that are wrong are refused, in words that say which and what is allowed.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { helm, CHART, lint, refusal } = require('./helm.js');

// [what is wrong, the values, words that the message must have]
const wrong = [
  ['an option that does not exist', { probe: { config: { AUDIO_PORT: '8080' } } },
    ['/probe/config', "'AUDIO_PORT' not allowed"]],
  ['a value that does not exist', { probes: {} }, ["'probes' not allowed"]],
  ['a value that does not exist, further in', { correlator: { replicas: 2 } },
    ['/correlator', "'replicas' not allowed"]],
  ['an option in the wrong program', { correlator: { config: { INTERFACE: 'eth0' } } },
    ['/correlator/config', "'INTERFACE' not allowed"]],
  ['a number that is text', { probe: { config: { MAX_FLOWS: 'many' } } },
    ['/probe/config/MAX_FLOWS', 'want integer']],
  ['a fraction', { correlator: { config: { MATCH_WINDOW_MS: 1.5 } } },
    ['/correlator/config/MATCH_WINDOW_MS', 'want integer']],
  ['a number that is too small', { config: { SIGNATURE_WINDOW_SIZE: 8 } },
    ['/config/SIGNATURE_WINDOW_SIZE', 'got 8, want 16']],
  ['a number that is too large', { correlator: { config: { MAX_PROBES: 20000 } } },
    ['/correlator/config/MAX_PROBES', 'want 16,000']],
  ['no power of two', { probe: { config: { PERF_BUFFER_SIZE: 1000 } } },
    ['/probe/config/PERF_BUFFER_SIZE', 'one of 1, 2, 4']],
  ['no power of two for the rate', { config: { SIGNATURE_RATE: 100 } },
    ['/config/SIGNATURE_RATE', 'one of 32, 64, 128']],
  ['an algorithm that does not exist', { config: { SIGNATURE_ALGORITHM: 'md5' } },
    ['/config/SIGNATURE_ALGORITHM', "'xxhash', 'crc32', 'rolling_hash'"]],
  ['a log level that does not exist', { probe: { config: { LOG_LEVEL: 'verbose' } } },
    ['/probe/config/LOG_LEVEL', "'debug', 'info'"]],
  ['ports that are none', { probe: { config: { AUDIO_PORTS: 'http' } } },
    ['/probe/config/AUDIO_PORTS', "'http'"]],
  ['no interface', { probe: { config: { INTERFACE: '' } } }, ['/probe/config/INTERFACE']],
  ['a way of attaching that does not exist', { probe: { config: { TC_ATTACH: 'xdp' } } },
    ['/probe/config/TC_ATTACH', "'auto', 'tcx', 'clsact'"]],
  ['a port that needs a right that the probe has not', { probe: { metrics: { port: 80 } } },
    ['/probe/metrics/port', 'want 1,024']],
  ['a port that is none', { correlator: { service: { port: 70000 } } },
    ['/correlator/service/port', 'want 65,535']],
  ['one port for two things', { correlator: { service: { port: 9090 } } },
    ['correlator.service.port and correlator.metricsPort must differ']],
  ['an address without port', { probe: { correlatorAddress: 'correlator.example.com' } },
    ['/probe/correlatorAddress']],
  ['a TLS mode that does not exist', { tls: { mode: 'none' } },
    ['/tls/mode', "'generated', 'certManager', 'existingSecrets', 'plainText'"]],
  ['YAML’s other word for false', { tls: { mode: false } }, ['/tls/mode', "'plainText'"]],
  ['Secrets without names', { tls: { mode: 'existingSecrets' } },
    ['name the Secrets', 'tls.existingSecrets.correlator']],
  ['one of the Secrets without name',
    { tls: { mode: 'existingSecrets', existingSecrets: { correlator: 'a', probe: 'b' } } }, ['name the Secrets']],
  ['certificates on the nodes, but no TLS', { tls: { mode: 'plainText', probeHostPath: '/pki' } },
    ['tls.probeHostPath', 'plainText']],
  ['a folder that is none', { tls: { probeHostPath: 'pki' } }, ['/tls/probeHostPath']],
  ['a duration without unit', { tls: { certManager: { duration: '90' } } }, ['/tls/certManager/duration']],
  ['a policy without the nodes', { networkPolicy: { enabled: true } },
    ['set networkPolicy.nodeCIDRs to the addresses of the nodes']],
  ['an address for a network', { networkPolicy: { enabled: true, nodeCIDRs: ['10.0.0.1'] } },
    ['/networkPolicy/nodeCIDRs/0']],
  ['a port of the nodes that is not named', { correlator: { service: { type: 'NodePort' } } },
    ['set correlator.service.nodePort']],
  ['a port of the nodes for a Service that has none', { correlator: { service: { nodePort: 30095 } } },
    ['correlator.service.type is ClusterIP']],
  ['a word for K8S_ENABLED that does not exist', { correlator: { config: { K8S_ENABLED: 'yes' } } },
    ['/correlator/config/K8S_ENABLED', "'auto', 'true', 'false'"]],
  ['names for containers that are not looked for',
    { probe: { containerIdentity: { enabled: false }, kubelet: { enabled: true } } },
    ['probe.kubelet.enabled needs probe.containerIdentity.enabled']],
  ['a runtime that does not exist', { probe: { config: { CONTAINER_RUNTIME: 'rkt' } } },
    ['/probe/config/CONTAINER_RUNTIME', "'containerd', 'crio'"]],
  ['a hold longer than the window', { correlator: { config: { MATCH_HOLD_MS: 500, MATCH_WINDOW_MS: 400 } } },
    ['MATCH_HOLD_MS must not be above']],
  ['more flows at a probe than the correlator takes of one', { probe: { config: { MAX_FLOWS: 30000 } } },
    ['MAX_FLOWS_PER_PROBE must not be below']],
  ['two probes on a node', { probe: { updateStrategy: { rollingUpdate: { maxSurge: 1 } } } },
    ['maxSurge must be 0']],
  ['a strategy that does not exist', { probe: { updateStrategy: { type: 'Recreate' } } },
    ["'RollingUpdate', 'OnDelete'"]],
  ['a budget of two minds', { podDisruptionBudget: { minAvailable: 1 } },
    ['minAvailable or maxUnavailable, not both']],
  ['a pull policy in small letters', { image: { pullPolicy: 'always' } },
    ['/image/pullPolicy', "'Always'"]],
  ['a tag with a space', { probe: { image: { tag: 'v 1' } } }, ['/probe/image/tag']],
  ['half a digest', { probe: { image: { digest: 'sha256:12' } } }, ['/probe/image/digest']],
  ['a label of the chart’s', { commonLabels: { 'app.kubernetes.io/name': 'mine' } },
    ["'app.kubernetes.io/name'"]],
  ['a node selector that is no text', { probe: { nodeSelector: { audio: true } } },
    ['/probe/nodeSelector/audio', 'want string']],
  ['tolerations that are no list', { probe: { tolerations: { operator: 'Exists' } } },
    ['/probe/tolerations', 'want array']],
  ['an endpoint without address', { correlator: { endpoints: [{ pod: 'trunk' }] } },
    ['/correlator/endpoints/0', "'address'"]],
  ['a pull secret without name', { imagePullSecrets: ['registry'] }, ['/imagePullSecrets/0']],
  ['a name with capitals', { fullnameOverride: 'Audio' }, ['/fullnameOverride']],
  ['a switch that is text', { monitoring: { monitors: { enabled: 'yes' } } },
    ['/monitoring/monitors/enabled', 'want boolean']],
];

for (const [what, values, words] of wrong) {
  test(`refused: ${what}`, () => {
    const message = refusal(values);
    for (const word of words) {
      assert.ok(message.includes(word), `"${word}" is not in: ${message}`);
    }
  });
}

test('helm lint refuses them too', () => {
  assert.notEqual(lint(wrong[0][1]).status, 0);
});

test('numbers that are given on the command line are numbers', () => {
  const result = helm('template', 'alt', CHART, '--set', 'probe.config.MAX_FLOWS=5000',
    '--set', 'probe.config.AUDIO_PORTS=8080', '--set', 'tls.mode=plainText');
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /MAX_FLOWS: "5000"/);
  assert.match(result.stdout, /AUDIO_PORTS: "8080"/);
});
