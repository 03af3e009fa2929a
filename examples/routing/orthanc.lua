-- Orthanc sends each stable study to the synthesis node: acquired series only, each once.
--
-- The node sends what it makes back into the same study. That makes the study stable again, and
-- this is called again: so nothing that was made may leave here, and nothing may leave twice.

local NODE = 'node'            -- its name under "DicomModalities"
local NODE_AET = 'SYNTHNODE'   -- its AE title: node.ae_title in node.toml
local SENT = '4601'            -- metadata of a series: how many of its instances the node has
local MODALITIES = { MR = true, CT = true, PT = true }

local jobs = {}                -- what is on its way: Orthanc's job to the series that it sends

local function tag(instance, group_element)
  local tags = ParseJson(RestApiGet('/instances/' .. instance .. '/tags?short'))
  local value = tags[group_element]
  return type(value) == 'string' and value:gsub('[%s%z]+$', '') or ''
end

-- Whether a series was acquired: it says nowhere that it is synthetic, and did not come from the
-- node. One instance tells, for a synthetic series is made whole.
local function acquired(series)
  local instance = series.Instances[1]
  local about = ParseJson(RestApiGet('/instances/' .. instance .. '/metadata?expand'))
  return about.RemoteAET ~= NODE_AET
     and tag(instance, '0008,001c') ~= 'YES'                    -- Synthetic Data
     and not tag(instance, '0008,0008'):find('SYNTHETIC', 1, true)  -- Image Type
end

local function sent(series)
  local about = ParseJson(RestApiGet('/series/' .. series.ID .. '/metadata?expand'))
  return tonumber(about[SENT]) == #series.Instances
end

function OnStableStudy(study_id, tags, metadata)
  local all = ParseJson(RestApiGet('/studies/' .. study_id .. '/series'))
  local wanted, counts = {}, {}
  for _, series in ipairs(all) do
    if MODALITIES[series.MainDicomTags.Modality] and acquired(series) and not sent(series) then
      table.insert(wanted, series.ID)
      counts[series.ID] = #series.Instances
    end
  end
  if #wanted > 0 then
    local order = { Resources = wanted, Synchronous = false }
    local answer = RestApiPost('/modalities/' .. NODE .. '/store', DumpJson(order))
    jobs[ParseJson(answer).ID] = counts
  end
end

-- Only what the node has answered with success counts as sent. A job that failed stands in the list
-- of jobs: resubmit it there, or wait until more of the study comes.
function OnJobSuccess(job_id)
  for series_id, count in pairs(jobs[job_id] or {}) do
    RestApiPut('/series/' .. series_id .. '/metadata/' .. SENT, tostring(count))
  end
  jobs[job_id] = nil
end
