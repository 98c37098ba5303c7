import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Every asset but index.html has its content's hash in its name; the gateway lets browsers keep those for ever.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 400,
    rollupOptions: {
      output: {
        // One file for what every screen needs: few requests before the first screen is there.
        manualChunks: (id: string) =>
          /node_modules\/(react|react-dom|scheduler|react-router|@tanstack|i18next|openapi-fetch|cookie|set-cookie-parser|use-sync-external-store)\//.test(id)
            ? "vendor"
            : /src\/(ui\/(parts|format|theme)|i18n\/(index|en)|api\/index|client|early|live|workspace|Frame)\.tsx?$/.test(id) ? "base" : undefined,
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/ws": { target: "ws://127.0.0.1:8000", ws: true } } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
