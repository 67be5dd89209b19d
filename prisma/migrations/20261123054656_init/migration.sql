-- CreateTable
CREATE TABLE "AgentConfig" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "agentType" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "autonomyLevel" TEXT NOT NULL,
    "isEnabled" BOOLEAN NOT NULL DEFAULT true,
    "config" JSONB NOT NULL DEFAULT '{}',
    "allowedSkills" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "inheritSkills" BOOLEAN NOT NULL DEFAULT true,
    "systemPrompt" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AgentConfig_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentTask" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "agentId" TEXT NOT NULL,
    "agentType" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "taskType" TEXT NOT NULL,
    "priority" INTEGER NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'queued',
    "input" JSONB NOT NULL DEFAULT '{}',
    "output" JSONB,
    "skillId" TEXT,
    "error" JSONB,
    "plan" JSONB,
    "actionHash" TEXT,
    "scheduledFor" TIMESTAMPTZ(3),
    "parentTaskId" TEXT,
    "depth" INTEGER NOT NULL DEFAULT 0,
    "crewId" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "tokensIn" INTEGER NOT NULL DEFAULT 0,
    "tokensOut" INTEGER NOT NULL DEFAULT 0,
    "ready" BOOLEAN NOT NULL DEFAULT true,
    "dueAt" TIMESTAMPTZ(3),
    "leaseToken" TEXT,
    "hasDependents" BOOLEAN NOT NULL DEFAULT false,
    "traceLength" INTEGER NOT NULL DEFAULT 0,
    "watchedUntil" TIMESTAMPTZ(3),
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AgentTask_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "TaskDependency" (
    "taskId" TEXT NOT NULL,
    "dependsOnId" TEXT NOT NULL,

    CONSTRAINT "TaskDependency_pkey" PRIMARY KEY ("taskId","dependsOnId")
);

-- CreateTable
CREATE TABLE "TraceEntry" (
    "taskId" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "data" JSONB,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "TraceEntry_pkey" PRIMARY KEY ("taskId","seq")
);

-- CreateTable
CREATE TABLE "TaskStep" (
    "taskId" TEXT NOT NULL,
    "index" INTEGER NOT NULL,
    "tool" TEXT NOT NULL,
    "input" JSONB NOT NULL,
    "status" TEXT NOT NULL,
    "output" JSONB,
    "error" JSONB,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "TaskStep_pkey" PRIMARY KEY ("taskId","index")
);

-- CreateTable
CREATE TABLE "AgentDecision" (
    "id" TEXT NOT NULL,
    "taskId" TEXT NOT NULL,
    "decisionType" TEXT NOT NULL,
    "reasoning" TEXT NOT NULL,
    "action" JSONB NOT NULL,
    "result" JSONB,
    "confidence" DOUBLE PRECISION,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "AgentDecision_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ApprovalRequest" (
    "id" TEXT NOT NULL,
    "taskId" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "agentType" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "proposedAction" JSONB NOT NULL,
    "editedAction" JSONB,
    "actionHash" TEXT NOT NULL,
    "proposedHash" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "note" TEXT,
    "decidedBy" TEXT,
    "decidedAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApprovalRequest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Delivery" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "taskId" TEXT NOT NULL,
    "step" INTEGER NOT NULL,
    "channel" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "idempotencyKey" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ackedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Delivery_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "IdempotencyKey" (
    "orgId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "headers" JSONB NOT NULL,
    "body" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("orgId","key")
);

-- CreateTable
CREATE TABLE "ApiKey" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "scopes" TEXT[],
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ApiKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentCrew" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "goal" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'idle',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AgentCrew_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CrewMessage" (
    "id" TEXT NOT NULL,
    "crewId" TEXT NOT NULL,
    "fromAgentType" TEXT NOT NULL,
    "toAgentType" TEXT,
    "messageType" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CrewMessage_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ChatMessage" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "content" TEXT NOT NULL,
    "agentType" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ChatMessage_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "AgentConfig_orgId_agentType_key" ON "AgentConfig"("orgId", "agentType");

-- CreateIndex
CREATE INDEX "AgentTask_orgId_createdAt_id_idx" ON "AgentTask"("orgId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "AgentTask_orgId_status_createdAt_id_idx" ON "AgentTask"("orgId", "status", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "AgentTask_orgId_agentType_createdAt_id_idx" ON "AgentTask"("orgId", "agentType", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "AgentTask_crewId_createdAt_id_idx" ON "AgentTask"("crewId", "createdAt" DESC, "id" DESC) WHERE ("crewId" IS NOT NULL);

-- CreateIndex
CREATE INDEX "AgentTask_parentTaskId_idx" ON "AgentTask"("parentTaskId") WHERE ("parentTaskId" IS NOT NULL);

-- CreateIndex
CREATE INDEX "AgentTask_claim_type" ON "AgentTask"("agentType", "priority" DESC, "createdAt", "id") WHERE (ready);

-- CreateIndex
CREATE INDEX "AgentTask_claim_any" ON "AgentTask"("priority" DESC, "createdAt", "id") WHERE (ready);

-- CreateIndex
CREATE INDEX "AgentTask_due" ON "AgentTask"("dueAt") WHERE (NOT ready AND "dueAt" IS NOT NULL);

-- CreateIndex
CREATE INDEX "AgentTask_held" ON "AgentTask"("agentId", "id") WHERE (status = 'queued' AND "dueAt" IS NULL);

-- CreateIndex
CREATE INDEX "TaskDependency_dependsOnId_idx" ON "TaskDependency"("dependsOnId");

-- CreateIndex
CREATE INDEX "AgentDecision_taskId_createdAt_id_idx" ON "AgentDecision"("taskId", "createdAt", "id");

-- CreateIndex
CREATE UNIQUE INDEX "ApprovalRequest_taskId_key" ON "ApprovalRequest"("taskId");

-- CreateIndex
CREATE INDEX "ApprovalRequest_orgId_status_createdAt_id_idx" ON "ApprovalRequest"("orgId", "status", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "ApprovalRequest_overdue" ON "ApprovalRequest"("expiresAt") WHERE (status = 'pending');

-- CreateIndex
CREATE INDEX "Delivery_orgId_status_createdAt_id_idx" ON "Delivery"("orgId", "status", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "Delivery_idempotencyKey_key" ON "Delivery"("idempotencyKey");

-- CreateIndex
CREATE INDEX "IdempotencyKey_expiresAt_idx" ON "IdempotencyKey"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "ApiKey_hash_key" ON "ApiKey"("hash");

-- CreateIndex
CREATE INDEX "ApiKey_orgId_createdAt_idx" ON "ApiKey"("orgId", "createdAt");

-- CreateIndex
CREATE INDEX "AgentCrew_orgId_createdAt_id_idx" ON "AgentCrew"("orgId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "CrewMessage_crewId_createdAt_id_idx" ON "CrewMessage"("crewId", "createdAt", "id");

-- CreateIndex
CREATE INDEX "ChatMessage_orgId_sessionId_createdAt_id_idx" ON "ChatMessage"("orgId", "sessionId", "createdAt", "id");

-- AddForeignKey
ALTER TABLE "AgentTask" ADD CONSTRAINT "AgentTask_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "AgentConfig"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentTask" ADD CONSTRAINT "AgentTask_crewId_fkey" FOREIGN KEY ("crewId") REFERENCES "AgentCrew"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentTask" ADD CONSTRAINT "AgentTask_parentTaskId_fkey" FOREIGN KEY ("parentTaskId") REFERENCES "AgentTask"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TaskDependency" ADD CONSTRAINT "TaskDependency_taskId_fkey" FOREIGN KEY ("taskId") REFERENCES "AgentTask"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TaskDependency" ADD CONSTRAINT "TaskDependency_dependsOnId_fkey" FOREIGN KEY ("dependsOnId") REFERENCES "AgentTask"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApprovalRequest" ADD CONSTRAINT "ApprovalRequest_taskId_fkey" FOREIGN KEY ("taskId") REFERENCES "AgentTask"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Delivery" ADD CONSTRAINT "Delivery_taskId_fkey" FOREIGN KEY ("taskId") REFERENCES "AgentTask"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CrewMessage" ADD CONSTRAINT "CrewMessage_crewId_fkey" FOREIGN KEY ("crewId") REFERENCES "AgentCrew"("id") ON DELETE CASCADE ON UPDATE CASCADE;
