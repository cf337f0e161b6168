import type { StylesheetJson } from 'cytoscape';
import { backgrounds, type Theme } from '../view-model/colour.js';
import { dangerColours } from '../view-model/graph-elements.js';

/** Amber of degraded health and tickets; the same values stand in `styles/tokens.css`. */
export const warningColours: Readonly<Record<Theme, string>> = {
  light: '#b26a00',
  dark: '#f5b83d',
};

/** How cytoscape draws dots and lines. Labels and badges are drawn by the layers above. */
export function graphStyle(theme: Theme, many: boolean): StylesheetJson {
  const background = backgrounds[theme];
  const halo = theme === 'light' ? '#ffffff' : '#0e131a';
  return [
    {
      selector: 'node',
      style: {
        width: 'data(size)',
        height: 'data(size)',
        'background-color': 'data(colour)',
        'border-width': 2,
        'border-color': halo,
        'outline-width': 0,
        'overlay-opacity': 0,
        'underlay-opacity': 0,
      },
    },
    {
      selector: 'node[health = "degraded"], node[alert = "ticket"]',
      style: ring(warningColours[theme], 'dashed'),
    },
    {
      selector: 'node[health = "down"], node[alert = "page"]',
      style: ring(dangerColours[theme], 'solid'),
    },
    {
      selector: 'node[health = "unknown"]',
      style: {
        'background-color': background,
        'border-color': 'data(colour)',
        'border-style': 'dashed',
      },
    },
    {
      selector: 'edge',
      style: {
        width: 'data(width)',
        'line-color': 'data(colour)',
        'target-arrow-color': 'data(colour)',
        'target-arrow-shape': many ? 'none' : 'triangle',
        'arrow-scale': 0.9,
        'curve-style': many ? 'haystack' : 'unbundled-bezier',
        'control-point-distances': [18],
        'control-point-weights': [0.5],
        'target-distance-from-node': 3,
        opacity: many ? 0.35 : 0.8,
        'overlay-opacity': 0,
      },
    },
    { selector: 'edge[state = "idle"]', style: { width: 1, opacity: 0.32, 'arrow-scale': 0.7 } },
    {
      selector: 'edge[state = "failing"]',
      style: {
        'underlay-color': dangerColours[theme],
        'underlay-opacity': 0.28,
        'underlay-padding': 4,
        opacity: 1,
      },
    },
    {
      selector: 'edge[state = "denied"]',
      style: {
        'line-style': 'dashed',
        'line-dash-pattern': [7, 5],
        'target-arrow-shape': 'tee',
        'control-point-distances': [-26],
        'curve-style': 'unbundled-bezier',
        opacity: 1,
      },
    },
    { selector: '.dimmed', style: { opacity: 0.12, 'underlay-opacity': 0 } },
    { selector: '.hidden', style: { display: 'none' } },
    { selector: 'edge.looked', style: { opacity: 1, 'z-index': 5 } },
    {
      selector: 'node.selected',
      style: {
        'underlay-color': 'data(colour)',
        'underlay-opacity': 0.25,
        'underlay-padding': 10,
        'underlay-shape': 'ellipse',
      },
    },
    {
      selector: 'edge.selected',
      style: {
        'underlay-color': 'data(colour)',
        'underlay-opacity': 0.25,
        'underlay-padding': 7,
        opacity: 1,
        'z-index': 9,
      },
    },
  ];
}

function ring(colour: string, style: 'dashed' | 'solid') {
  return {
    'outline-width': 3,
    'outline-color': colour,
    'outline-style': style,
    'outline-offset': 3,
  } as const;
}
