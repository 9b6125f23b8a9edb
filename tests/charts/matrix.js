// The values that the chart is rendered with: each switch in each position, each TLS mode.
'use strict';

const secrets = { correlator: 'c-tls', probe: 'p-tls', client: 'q-tls' };
const everything = {
  commonLabels: { team: 'voice' },
  imagePullSecrets: [{ name: 'registry' }],
  image: { registry: 'registry.example.com/audio' },
  signatureSeed: { existingSecret: 'seed' },
  tls: { mode: 'certManager', probeHostPath: '/etc/audio-latency', correlatorExtraDnsNames: ['audio.example.com'] },
  probe: {
    config: { AUDIO_PORTS: '8080,10000-20000' },
    image: { tag: 'v1', digest: `sha256:${'0'.repeat(64)}` },
    metrics: { port: 9900, address: '127.0.0.1' },
    correlatorAddress: 'correlator.example.com:443',
    tlsServerName: 'correlator.example.com',
    containerIdentity: { hostPID: true },
    kubelet: { enabled: true, insecure: true },
    seLinuxOptions: { type: 'spc_t' },
    seccompProfile: { type: 'Localhost', localhostProfile: 'bpf.json' },
    resourceQuota: { create: true },
    affinity: { nodeAffinity: {} },
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd' },
    extraEnv: [{ name: 'LOG_LEVEL', value: 'debug' }],
    extraEnvFrom: [{ configMapRef: { name: 'more', optional: true } }],
    extraVolumes: [{ name: 'more', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
    serviceAccount: { annotations: { e: 'f' } },
  },
  correlator: {
    config: { MAX_CONNECTIONS: 5000, MAX_CONNECTIONS_PER_ADDRESS: 5000 },
    endpoints: [{ address: '192.0.2.1', pod: 'trunk', workload: 'trunk' }],
    tokens: { existingSecret: 'tokens' },
    service: { type: 'NodePort', port: 9443, nodePort: 30443, annotations: { g: 'h' } },
    priorityClassName: 'high',
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    extraEnv: [{ name: 'LOG_LEVEL', value: 'debug' }],
    extraVolumes: [{ name: 'more', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
  },
  networkPolicy: { enabled: true, nodeCIDRs: ['10.0.0.0/16', 'fd00::/64'] },
  monitoring: {
    scrapeAnnotations: true,
    monitors: { enabled: true, labels: { release: 'prometheus' }, scrapeTimeout: '10s' },
    rules: { enabled: true, labels: { release: 'prometheus' } },
    dashboards: { enabled: true, annotations: { grafana_folder: 'Audio' } },
  },
  openshift: { enabled: true },
};

// What switches off all that can be switched off.
const least = {
  rbac: { create: false },
  podDisruptionBudget: { enabled: false },
  tls: { mode: 'plainText' },
  signatureSeed: { existingSecret: 'seed' },
  probe: { containerIdentity: { enabled: false }, serviceAccount: { create: false }, priorityClassName: '', tolerations: [], nodeSelector: null },
  correlator: { serviceAccount: { create: false, name: 'theirs' }, nodeSelector: null },
};

const matrix = {
  'the defaults': {},
  everything,
  least,
  'TLS generated': { tls: { mode: 'generated', generated: { validityDays: 30 } } },
  'TLS of cert-manager, authority of its own': { tls: { mode: 'certManager' } },
  'TLS of cert-manager, issuer given':
    { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca', kind: 'ClusterIssuer' } } } },
  'TLS from Secrets': { tls: { mode: 'existingSecrets', existingSecrets: secrets } },
  'TLS from Secrets and the nodes':
    { tls: { mode: 'existingSecrets', existingSecrets: { ...secrets, probe: '' }, probeHostPath: '/pki' } },
  'no TLS': { tls: { mode: 'plainText' } },
  'Cilium': { networkPolicy: { enabled: true, flavor: 'cilium' } },
  'a budget that keeps the correlator':
    { podDisruptionBudget: { minAvailable: 1, maxUnavailable: null } },
  'OpenShift': { openshift: { enabled: true } },
  'a load balancer': { correlator: { service: { type: 'LoadBalancer' } } },
  'a port of the nodes': { correlator: { service: { type: 'NodePort', nodePort: 30095 } } },
  'without Kubernetes': { correlator: { config: { K8S_ENABLED: false } } },
  'names from the kubelet': { probe: { kubelet: { enabled: true } } },
  'cri-dockerd': { probe: { allowPrivilegeEscalation: true } },
  'replaced by hand': { probe: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } },
  'a long name': { fullnameOverride: `${'long-'.repeat(12)}name` },
  'a dependency of another chart': { global: { anything: true } },
};

module.exports = { matrix, everything, least };
