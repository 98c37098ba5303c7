#!/bin/bash

BASE_URL="http://localhost:8080/api/training"
SESSION_ID="test_session_$(date +%s)"

echo "🧪 Testing All Endpoints..."
echo "Session ID: $SESSION_ID"

# 1. Init session
echo "\n1️⃣ Testing init-session..."
curl -X POST "$BASE_URL/init-session" \
  -H "Content-Type: application/json" \
  -d "{\"sessionId\": \"$SESSION_ID\"}"

# 2. List sessions
echo "\n2️⃣ Testing list-sessions..."
curl "$BASE_URL/list-sessions"

# 3. Get session
echo "\n3️⃣ Testing get session..."
curl "$BASE_URL/session/$SESSION_ID"

# 4. Plot variables
echo "\n4️⃣ Testing plot-variables..."
curl "$BASE_URL/plot-variables/$SESSION_ID"

# 5. Visualizations
echo "\n5️⃣ Testing visualizations..."
curl "$BASE_URL/visualizations/$SESSION_ID"

# 6. Scalers
echo "\n6️⃣ Testing scalers..."
curl "$BASE_URL/scalers/$SESSION_ID"

# 7. Models
echo "\n7️⃣ Testing list-models..."
curl "$BASE_URL/list-models-database/$SESSION_ID"

# 8. Delete session
echo "\n8️⃣ Testing delete session..."
curl -X POST "$BASE_URL/session/$SESSION_ID/delete"

echo "\n✅ All tests completed!"
