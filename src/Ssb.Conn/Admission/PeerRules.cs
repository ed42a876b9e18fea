// conn-rules.json, ours alone: {"version":1,"rules":[{"target":"@...","kind":"dismiss","since":MS,"until":MS}, ...]}
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Ssb.Conn;

/// <summary>What people decided about peers, kept in the file <c>conn-rules.json</c>.</summary>
/// <remarks>Thread-safe. Bounded: beyond <see cref="Capacity"/> a decision is refused. A rule that has ended counts no more, and goes with the next
/// write.</remarks>
internal sealed class PeerRules
{
    public const int Capacity = 100_000;

    private const string FileName = "conn-rules.json";

    private readonly TimeProvider _time;
    private readonly string? _path;
    private readonly Lock _writing = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, PeerRule> _rules = [];

    private PeerRules(TimeProvider time, string? path) => (_time, _path) = (time, path);

    /// <param name="folder">Where the file is; null: nothing is kept.</param>
    /// <param name="time">Where time comes from.</param>
    /// <param name="logger">Told when the file is damaged, which then is kept beside.</param>
    public static PeerRules Open(string? folder, TimeProvider time, ILogger logger)
    {
        var rules = new PeerRules(time, folder is null ? null : Path.Combine(folder, FileName));
        if (rules._path is { } path && File.Exists(path))
        {
            byte[] text = File.ReadAllBytes(path);
            try
            {
                rules.Read(text);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
            {
                SafeFile.Write(path + ".damaged", text);
                logger.LogWarning(e, "'{Path}' is damaged; {Count} rules were read. It is kept as '{Path}.damaged'.", path, rules._rules.Count, path);
            }
        }

        return rules;
    }

    /// <summary>How many there are, those that have ended included.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _rules.Count;
        }
    }

    public IReadOnlyList<PeerRule> All
    {
        get
        {
            DateTimeOffset now = _time.GetUtcNow();
            lock (_gate)
                return [.. _rules.Values.Where(r => IsInForce(r, now))];
        }
    }

    /// <summary>The rule about a peer that is in force; a block before a dismissal.</summary>
    public PeerRule? Find(string? address, string? identity)
    {
        lock (_gate)
        {
            if (_rules.Count == 0)
                return null;
            DateTimeOffset now = _time.GetUtcNow();
            PeerRule? byKey = identity is not null && _rules.TryGetValue(identity, out PeerRule? k) && IsInForce(k, now) ? k : null;
            PeerRule? byAddress = address is not null && _rules.TryGetValue(address, out PeerRule? a) && IsInForce(a, now) ? a : null;
            return byAddress is { Kind: PeerRuleKind.Block } ? byAddress : byKey ?? byAddress;
        }
    }

    /// <summary>Sets a rule in the place of any that there is about the target.</summary>
    /// <exception cref="InvalidOperationException">There are too many.</exception>
    /// <exception cref="IOException">It could not be written. It is in force, until this process ends.</exception>
    public void Set(PeerRule rule)
    {
        lock (_gate)
        {
            if (_rules.Count >= Capacity && !_rules.ContainsKey(rule.Target))
            {
                DropEnded_NeedsLock();
                if (_rules.Count >= Capacity)
                    throw new InvalidOperationException($"There are {_rules.Count:N0} dismissals and blocks, the most that are kept.");
            }

            _rules[rule.Target] = rule;
        }

        Write();
    }

    /// <returns>false if there was none in force.</returns>
    /// <exception cref="IOException">It could not be written. It holds, until this process ends.</exception>
    public bool Remove(string target)
    {
        DateTimeOffset now = _time.GetUtcNow();
        bool wasInForce;
        lock (_gate)
        {
            if (!_rules.Remove(target, out PeerRule? rule))
                return false;
            wasInForce = IsInForce(rule, now);
        }

        Write();
        return wasInForce;
    }

    private static bool IsInForce(PeerRule rule, DateTimeOffset now) => rule.Until is not { } end || now < end;

    private void DropEnded_NeedsLock()
    {
        DateTimeOffset now = _time.GetUtcNow();
        foreach (PeerRule rule in _rules.Values.Where(r => !IsInForce(r, now)).ToArray())
            _rules.Remove(rule.Target);
    }

    private void Read(byte[] text)
    {
        using var document = JsonDocument.Parse(text);
        foreach (JsonElement json in document.RootElement.GetProperty("rules"u8).EnumerateArray())
        {
            string target = json.GetProperty("target"u8).GetString() ?? throw new JsonException("A rule is about nobody.");
            PeerRuleKind kind = json.GetProperty("kind"u8).GetString() switch
            {
                "block" => PeerRuleKind.Block,
                "dismiss" => PeerRuleKind.Dismiss,
                string other => throw new JsonException($"A rule is of the unknown kind '{other}'."),
                null => throw new JsonException("A rule is of no kind."),
            };
            DateTimeOffset? until = json.TryGetProperty("until"u8, out JsonElement end) ? Time(end) : null;
            _rules[target] = new PeerRule(target, kind, Time(json.GetProperty("since"u8)), until);
        }

        static DateTimeOffset Time(JsonElement ms) => ms.TryGetInt64(out long value) && Math.Abs(value) <= (long)StagingJson.LatestTime
            ? DateTimeOffset.FromUnixTimeMilliseconds(value)
            : throw new JsonException("A rule has a time that is none.");
    }

    private void Write()
    {
        if (_path is null)
            return;
        lock (_writing) // one at a time, each with the newest state
        {
            PeerRule[] rules;
            lock (_gate)
            {
                DropEnded_NeedsLock();
                rules = [.. _rules.Values];
            }

            SafeFile.Write(_path, to =>
            {
                using var writer = new Utf8JsonWriter(to, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = ExactJson.Encoder });
                writer.WriteStartObject();
                writer.WriteNumber("version", 1);
                writer.WriteStartArray("rules");
                foreach (PeerRule rule in rules)
                    rule.WriteTo(writer);
                writer.WriteEndArray();
                writer.WriteEndObject();
            });
        }
    }
}
