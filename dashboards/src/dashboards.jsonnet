// All dashboards, by the name of their file: `make dashboards` writes them.
{
  'gaoler-overview.json': import 'overview.libsonnet',
  'gaoler-jail.json': import 'jail.libsonnet',
  'gaoler-enforcement.json': import 'enforcement.libsonnet',
  'gaoler-self.json': import 'self.libsonnet',
}
