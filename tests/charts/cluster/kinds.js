// Kinds that the chart may make and no API server knows by itself: of the Prometheus operator, cert-manager,
// Cilium and OpenShift. These definitions take any fields: they let the server store such objects, no more.
'use strict';

const KINDS = [
  ['monitoring.coreos.com', 'v1', 'ServiceMonitor', 'servicemonitors'],
  ['monitoring.coreos.com', 'v1', 'PodMonitor', 'podmonitors'],
  ['monitoring.coreos.com', 'v1', 'PrometheusRule', 'prometheusrules'],
  ['cert-manager.io', 'v1', 'Certificate', 'certificates'],
  ['cert-manager.io', 'v1', 'Issuer', 'issuers'],
  ['cilium.io', 'v2', 'CiliumNetworkPolicy', 'ciliumnetworkpolicies'],
  ['security.openshift.io', 'v1', 'SecurityContextConstraints', 'securitycontextconstraints', 'Cluster'],
];

// Objects of kind CustomResourceDefinition.
function definitions() {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return KINDS.map(([group, version, kind, plural, scope = 'Namespaced']) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: anything } }],
    },
  }));
}

module.exports = { definitions };
