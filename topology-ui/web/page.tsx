import { Footer } from './chrome/footer.js';
import { Header } from './chrome/header.js';
import { ProblemsBanner } from './chrome/problems-banner.js';
import { ShadowBanner } from './chrome/shadow-banner.js';
import { GraphView } from './graph/graph-view.js';
import type { LayoutClient } from './layout/layout-client.js';
import type { KeyValueStore } from './layout/remembered-positions.js';
import type { Store } from './live/store.js';
import { StoreContext } from './live/store-context.js';
import { Panel } from './panels/panel.js';
import { PreviewView } from './preview/preview-view.js';
import { ListView } from './views/list-view.js';
import { ObjectivesView } from './views/objectives-view.js';
import { SidecarsView } from './views/sidecars-view.js';

export interface PageProps {
  readonly store: Store;
  readonly layout: LayoutClient;
  readonly storage: KeyValueStore | null;
}

/** The whole page. The graph stays beside the list; other views take its place. */
export function Page({ store, layout, storage }: PageProps) {
  const { view } = store.route.value;
  const withGraph = view === 'graph' || view === 'list';
  return (
    <StoreContext.Provider value={store}>
      <Header />
      <ProblemsBanner />
      <ShadowBanner />
      <main class={`main view-${view}`}>
        {view === 'list' && <ListView />}
        {withGraph && <GraphView layout={layout} storage={storage} />}
        {view === 'objectives' && <ObjectivesView />}
        {view === 'sidecars' && <SidecarsView />}
        {view === 'preview' && <PreviewView layout={layout} storage={storage} />}
        <Panel />
      </main>
      <Footer />
    </StoreContext.Provider>
  );
}
