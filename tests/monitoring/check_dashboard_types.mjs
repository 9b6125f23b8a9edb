// Holds Grafana dashboards against the types that Grafana publishes: of a dashboard, of each kind of
// panel, and of a question to Prometheus. Exits with 1 and says what is wrong.
//
//   tools=$(.ci/tools) && node tests/monitoring/check_dashboard_types.mjs $tools charts/…/dashboards/*.json
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const [tools, ...files] = process.argv.slice(2);
if (tools === undefined || files.length === 0) {
  console.error('check_dashboard_types: say where the tools are, and which dashboards to look at');
  process.exit(2);
}

// The folder of each kind of panel among the types.
const kinds = {
  heatmap: 'heatmap',
  stat: 'stat',
  'state-timeline': 'statetimeline',
  table: 'table',
  text: 'text',
  timeseries: 'timeseries',
};
const sdk = '@grafana/grafana-foundation-sdk';

// What JSON can say of a type: names of enumerations are text, methods are not there.
const plain = `
type Plain<T> = T extends string ? \`\${T}\`
  : T extends number | boolean | null | undefined ? T
  : T extends (...args: any[]) => any ? never
  : T extends readonly (infer E)[] ? Plain<E>[]
  : {[K in keyof T as T[K] extends (...args: any[]) => any ? never : K]: Plain<T[K]>};
`;

function typed(dashboard) {
  const lines = [`import type {Dashboard} from '${sdk}/dashboard';`,
                 `import type {Dataquery} from '${sdk}/prometheus';`];
  for (const [kind, folder] of Object.entries(kinds)) {
    lines.push(`import type * as ${folder} from '${sdk}/${folder}';`);
  }
  lines.push(plain);
  // A dashboard's panels leave open what their kind decides. The published type of a field's links is
  // that of a dashboard's links, which Grafana does not write.
  const withoutLinks = (config) => ({...config, defaults: {...config.defaults, links: undefined}});
  lines.push(`export const dashboard: Plain<Partial<Dashboard>> = ${
      JSON.stringify({...dashboard, panels: []}, null, 1)};`);
  lines.push(`export const panels: Plain<NonNullable<Dashboard['panels']>> = ${JSON.stringify(
      dashboard.panels.map((panel) => panel.type === 'row' ? panel : {
        ...panel,
        targets: panel.targets ? [] : undefined,
        fieldConfig: withoutLinks(panel.fieldConfig),
      }), null, 1)};`);
  lines.push('interface FieldLink {title: string; url: string; targetBlank?: boolean}');
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') {
      continue;
    }
    const name = `panel${panel.id}`;
    const folder = kinds[panel.type];
    if (folder === undefined) {
      throw new Error(`panel ${panel.id} is of the kind ${panel.type}, whose types are not known here`);
    }
    lines.push(`export const ${name}Options: Plain<Partial<${folder}.Options>> = ${
        JSON.stringify(panel.options, null, 1)};`);
    if (panel.fieldConfig.defaults.custom !== undefined) {
      lines.push(`export const ${name}Custom: Plain<Partial<${folder}.FieldConfig>> = ${
          JSON.stringify(panel.fieldConfig.defaults.custom, null, 1)};`);
    }
    lines.push(`export const ${name}Links: FieldLink[] = ${
        JSON.stringify(panel.fieldConfig.defaults.links ?? [], null, 1)};`);
    for (const target of panel.targets ?? []) {
      lines.push(`export const ${name}${target.refId}: Plain<Dataquery> = ${JSON.stringify(target, null, 1)};`);
    }
  }
  return lines.join('\n');
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'audio-latency-dashboards-'));
try {
  fs.symlinkSync(path.join(tools, 'node_modules'), path.join(folder, 'node_modules'));
  for (const file of files) {
    const name = path.basename(file, '.json');
    fs.writeFileSync(path.join(folder, `${name}.ts`), typed(JSON.parse(fs.readFileSync(file, 'utf8'))));
  }
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: {
      strict: true, noEmit: true, skipLibCheck: true, target: 'es2022', module: 'esnext',
      moduleResolution: 'bundler', types: [], verbatimModuleSyntax: true,
    },
    include: ['*.ts'],
  }));
  const tsc = path.join(tools, 'node_modules', 'typescript', 'bin', 'tsc');
  const run = spawnSync(process.execPath, [tsc, '--project', folder], {encoding: 'utf8'});
  process.stderr.write(run.stdout + run.stderr);
  process.exitCode = run.status === 0 ? 0 : 1;
} finally {
  fs.rmSync(folder, {recursive: true});
}
