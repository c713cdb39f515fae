import { snapshot_point } from 'dormouse';
await snapshot_point();
