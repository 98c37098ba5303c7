import "./styles.css";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Navigate, Route, Routes } from "react-router";

import { isPassing } from "./client";
import { askEarly, openSession } from "./early";
import { Frame } from "./Frame";
import { startLanguage, t } from "./i18n";
import Sessions from "./screens/Sessions";
import { Loading } from "./ui/parts";
import { applyTheme, watchSystemTheme } from "./ui/theme";

const SessionScreens = lazy(openSession);
const Settings = lazy(() => import("./screens/Settings"));

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => isPassing(error) && count < 20,
      retryDelay: (attempt) => Math.min(8000, 400 * 2 ** attempt),
    },
  },
});

function NotThere() {
  return <main id="main" className="empty"><h1>{t("notThere")}</h1><a className="button" href="/">{t("backToSessions")}</a></main>;
}

askEarly(location.pathname, client);
applyTheme();
watchSystemTheme();
await startLanguage();
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <BrowserRouter>
        <Frame>
          <Suspense fallback={<Loading />}>
            <Routes>
              <Route index element={<Sessions />} />
              <Route path="s/:sid/*" element={<SessionScreens />} />
              <Route path="settings" element={<Settings />} />
              <Route path="index.html" element={<Navigate to="/" replace />} />
              <Route path="*" element={<NotThere />} />
            </Routes>
          </Suspense>
        </Frame>
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
