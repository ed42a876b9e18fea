using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Interop.Tests.Harness;

/// <summary>The npm modules as a function: batches of strings go in, one JSON value for each comes out.</summary>
internal sealed class NodeOracle : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = Patience.Guard;

    private readonly LineProcess _process;

    private NodeOracle(LineProcess process) => _process = process;

    /// <summary>Starts <c>js/oracle.js</c>.</summary>
    public static async Task<NodeOracle> StartAsync()
    {
        string modules = await NodeModules.GetAsync();
        return new NodeOracle(LineProcess.Start(["node", "oracle.js"], NodeModules.Scripts, ("NODE_PATH", modules)));
    }

    /// <summary>Asks one question about each string.</summary>
    /// <param name="question">Its name in <c>oracle.js</c>.</param>
    /// <param name="items">The strings, half a surrogate pair included.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>As many answers.</returns>
    public async Task<IReadOnlyList<JsonElement>> AskAsync(string question, IReadOnlyList<string> items, CancellationToken cancellationToken)
    {
        var request = new StringBuilder().Append("{\"ask\":").Append(Quote(question)).Append(",\"items\":[");
        request.AppendJoin(',', items.Select(Quote)).Append("]}");
        await _process.SendAsync(request.ToString(), cancellationToken);
        JsonElement reply = await _process.ReceiveAsync(s_patience, cancellationToken);
        JsonElement[] answers = [.. reply.GetProperty("answers").EnumerateArray()];
        Assert.Equal(items.Count, answers.Length);
        return answers;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    // System.Text.Json writes half a surrogate pair as U+FFFD; these strings have to arrive as they are.
    internal static string Quote(string text)
    {
        var quoted = new StringBuilder("\"", text.Length + 2);
        foreach (char c in text)
        {
            if (c is >= ' ' and <= '~' and not ('"' or '\\'))
                quoted.Append(c);
            else
                quoted.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
        }

        return quoted.Append('"').ToString();
    }
}
