// What a platform team looks at first: Pod Security, capabilities, tokens, rights, who is let in.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { find, ofKind, pods, render } = require('./helm.js');
const { matrix } = require('./matrix.js');

const RESTRICTED_VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral',
  'persistentVolumeClaim', 'projected', 'secret'];

// What of Pod Security's level "restricted" a pod does not keep to.
function violations({ spec }) {
  const found = [];
  const say = (condition, what) => { if (condition) found.push(what); };
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) {
    say(spec[field], field);
  }
  for (const volume of spec.volumes ?? []) {
    say(!Object.keys(volume).some((key) => RESTRICTED_VOLUMES.includes(key)), `volume ${volume.name}`);
  }
  const context = spec.securityContext ?? {};
  say(context.runAsNonRoot !== true, 'runAsNonRoot of the pod');
  say(context.runAsUser === 0, 'runAsUser');
  say(!['RuntimeDefault', 'Localhost'].includes(context.seccompProfile?.type), 'seccompProfile');
  say(![undefined, 'container_t', 'container_init_t', 'container_kvm_t'].includes(context.seLinuxOptions?.type),
    'seLinuxOptions');
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const inner = container.securityContext ?? {};
    say(inner.privileged, 'privileged');
    say(inner.allowPrivilegeEscalation !== false, 'allowPrivilegeEscalation');
    say(inner.runAsNonRoot === false || inner.runAsUser === 0, 'runAsNonRoot of the container');
    say(!inner.capabilities?.drop?.includes('ALL'), 'capabilities.drop');
    for (const capability of inner.capabilities?.add ?? []) {
      say(capability !== 'NET_BIND_SERVICE', `capability ${capability}`);
    }
    for (const port of container.ports ?? []) {
      say(port.hostPort, 'hostPort');
    }
  }
  return found;
}

const CAPABILITIES = ['capability BPF', 'capability NET_ADMIN', 'capability PERFMON'];

for (const [name, values] of Object.entries(matrix)) {
  test(`rights, rendered with ${name}`, () => {
    for (const pod of pods(render(values))) {
      const expected = pod.name.endsWith('-probe') ? ['hostNetwork', ...CAPABILITIES] : [];
      if (pod.name.endsWith('-probe')) {
        expected.push(...(values.tls?.probeHostPath ? ['volume tls'] : []));
        expected.push(...(values.probe?.containerIdentity?.enabled === false ? [] : ['volume cgroups']));
        expected.push(...(values.probe?.containerIdentity?.hostPID ? ['hostPID'] : []));
        const selinux = values.probe?.seLinuxOptions || values.openshift?.enabled;
        expected.push(...(selinux ? ['seLinuxOptions'] : []));
        expected.push(...(values.probe?.allowPrivilegeEscalation ? ['allowPrivilegeEscalation'] : []));
      }
      assert.deepEqual(violations(pod).sort(), expected.sort(), pod.name);
      assert.equal(pod.spec.containers.length, 1);
      const context = pod.spec.containers[0].securityContext;
      assert.equal(context.readOnlyRootFilesystem, true, pod.name);
      // OpenShift gives each namespace a range of users of its own, and takes no others but the probe's.
      const isTheirs = values.openshift?.enabled && !pod.name.endsWith('-probe');
      assert.equal(pod.spec.securityContext.runAsUser, isTheirs ? undefined : 65532, pod.name);
      const { requests, limits } = pod.spec.containers[0].resources;
      assert.ok(requests.cpu && requests.memory && limits.memory, pod.name);
      for (const volume of pod.spec.volumes ?? []) {
        assert.ok(!volume.secret || volume.secret.defaultMode === 288, `${pod.name}: ${volume.name}`);
      }
      for (const mount of pod.spec.containers[0].volumeMounts ?? []) {
        assert.ok(mount.readOnly || mount.name === 'more', `${pod.name}: ${mount.name}`);
      }
    }
  });
}

test('only what asks the API server has a token and rights', () => {
  const objects = render({});
  for (const account of ofKind(objects, 'ServiceAccount')) {
    assert.equal(account.automountServiceAccountToken, false, account.metadata.name);
  }
  for (const pod of pods(objects)) {
    assert.equal(pod.spec.automountServiceAccountToken, pod.name.endsWith('-correlator'), pod.name);
  }
  const roles = ofKind(objects, 'ClusterRole');
  assert.deepEqual(roles.map((role) => role.metadata.name), ['alt-audio-latency-tracker-correlator-audio']);
  for (const rule of roles[0].rules) {
    assert.ok(rule.verbs.every((verb) => ['get', 'list', 'watch'].includes(verb)), rule.verbs);
  }
  const resources = roles[0].rules.flatMap((rule) => rule.resources).sort();
  assert.deepEqual(resources, ['jobs', 'nodes', 'pods', 'replicasets', 'services']);
});

test('without Kubernetes the correlator has neither', () => {
  const objects = render({ correlator: { config: { K8S_ENABLED: 'false' } } });
  assert.deepEqual(ofKind(objects, 'ClusterRole'), []);
  assert.equal(find(objects, 'Deployment').spec.template.spec.automountServiceAccountToken, false);
});

test('a probe that asks the kubelet may get the list of pods there', () => {
  const kubelet = { probe: { kubelet: { enabled: true } } };
  const rules = (kubernetes) => find(render(kubelet, '--kube-version', kubernetes), 'ClusterRole', '-probe-audio').rules;
  assert.deepEqual(rules('1.32.9'), [{ apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] }]);
  assert.deepEqual(rules('1.33.0'), [{ apiGroups: [''], resources: ['nodes/pods'], verbs: ['get'] }]);
  assert.equal(find(render(kubelet), 'DaemonSet').spec.template.spec.automountServiceAccountToken, true);
});

test('of the node the probe sees its cgroups, and cannot write them', () => {
  const spec = find(render({}), 'DaemonSet').spec.template.spec;
  assert.deepEqual(spec.volumes.filter((volume) => volume.hostPath).map((volume) => volume.hostPath.path),
    ['/sys/fs/cgroup']);
  assert.ok(spec.containers[0].volumeMounts.every((mount) => mount.readOnly));
});

test('a probe may report as any node only where its certificate can name none', () => {
  const identity = (values) => find(render(values), 'ConfigMap', '-correlator').data.PROBE_IDENTITY;
  assert.equal(identity({}), 'shared');
  assert.equal(identity(matrix['TLS from Secrets and the nodes']), 'certificate');
  assert.equal(identity(matrix['no TLS']), undefined);
});

test('no secret is in a ConfigMap or in the environment as text', () => {
  for (const values of Object.values(matrix)) {
    const objects = render(values);
    for (const map of ofKind(objects, 'ConfigMap')) {
      assert.equal(map.data.SIGNATURE_SEED, undefined);
      assert.ok(!JSON.stringify(map.data).includes('PRIVATE KEY'));
    }
    for (const pod of pods(objects)) {
      const seed = pod.spec.containers[0].env.find((entry) => entry.name === 'SIGNATURE_SEED');
      assert.ok(pod.name.endsWith('-test') || seed.valueFrom.secretKeyRef, pod.name);
    }
  }
});

test('the policy lets probes in by the addresses of the nodes, and others as they are named', () => {
  const policy = find(render({ networkPolicy: { enabled: true, nodeCIDRs: ['10.0.0.0/16'] } }), 'NetworkPolicy');
  const [probes, clients, prometheus] = policy.spec.ingress;
  assert.deepEqual(probes.from, [{ ipBlock: { cidr: '10.0.0.0/16' } }]);
  assert.deepEqual(probes.ports.map((port) => port.protocol), ['TCP', 'UDP']);
  assert.ok(clients.from.some((peer) => peer.podSelector?.matchLabels?.['app.kubernetes.io/component'] === 'test'));
  assert.deepEqual(prometheus.ports.map((port) => port.port), ['metrics']);
  assert.deepEqual(policy.spec.policyTypes, ['Ingress', 'Egress']);
});

test('for Cilium, where no address matches a node, they are let in as hosts', () => {
  const objects = render(matrix.Cilium);
  assert.deepEqual(find(objects, 'CiliumNetworkPolicy').spec.ingress[0].fromEntities, ['host', 'remote-node']);
  assert.ok(find(objects, 'NetworkPolicy').spec.ingress.every((rule) => !rule.from.some((peer) => peer.ipBlock)));
});

test('the probe listens at the address of the node, and is asked where it listens', () => {
  const container = (values) => find(render(values), 'DaemonSet').spec.template.spec.containers[0];
  const address = (values) => container(values).env.find((entry) => entry.name === 'METRICS_ADDRESS');
  assert.equal(address({}).valueFrom.fieldRef.fieldPath, 'status.hostIP');
  const local = { probe: { metrics: { address: '127.0.0.1' } } };
  assert.equal(address(local).value, '127.0.0.1');
  assert.equal(container(local).livenessProbe.httpGet.host, '127.0.0.1');
  const all = { probe: { metrics: { address: '0.0.0.0' } } };
  assert.equal(container(all).livenessProbe.httpGet.host, undefined);
});
