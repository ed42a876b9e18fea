using System.Runtime.CompilerServices;
using System.Text.Json;
using Ssb;
using Ssb.Wire;

namespace ExchangeMessages;

/// <summary>Feeds, in memory: our own, and those that peers gave us. Thread-safe.</summary>
internal sealed class Feeds
{
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly Dictionary<FeedId, List<Message>> _feeds = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many messages of a feed we have.</summary>
    public int LengthOf(FeedId author)
    {
        lock (_gate)
            return _feeds.TryGetValue(author, out List<Message>? feed) ? feed.Count : 0;
    }

    /// <summary>Signs a post, the next message of our own feed.</summary>
    public Message Post(KeyPair keys, string text) => Append(keys.Id, (sequence, previous) => Message.Sign(keys, sequence, previous, text));

    /// <summary>Takes the next message of a feed, if it is that.</summary>
    /// <param name="author">Whose feed.</param>
    /// <param name="value">What a stranger sent.</param>
    /// <param name="result">The message, or what is wrong with it.</param>
    public bool TryAdd(FeedId author, JsonElement value, out string result)
    {
        try
        {
            result = Append(author, (sequence, previous) => Message.Verify(author, sequence, previous, value)).ToString();
            return true;
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException) // the latter: half a surrogate pair, which is no text to .NET
        {
            result = $"Not a message of {author}: {e.Message}";
            return false;
        }
    }

    /// <summary>The messages of a feed from a sequence number on, and those that will come if it is live.</summary>
    public async IAsyncEnumerable<Message> ReadAsync(FeedId author, int sequence, bool isLive, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (int read = Math.Max(1, sequence) - 1; ;)
        {
            Task news;
            Message[] found;
            lock (_gate)
                (news, found) = (_news.Task, _feeds.TryGetValue(author, out List<Message>? feed) ? [.. feed.Skip(read)] : []);
            foreach (Message message in found)
                yield return message;
            read += found.Length;
            if (!isLive)
                yield break;
            await news.WaitAsync(cancellationToken);
        }
    }

    private Message Append(FeedId author, Func<int, Message?, Message> next)
    {
        lock (_gate)
        {
            if (!_feeds.TryGetValue(author, out List<Message>? feed))
                _feeds.Add(author, feed = []);
            Message message = next(feed.Count + 1, feed.LastOrDefault());
            feed.Add(message);
            (TaskCompletionSource told, _news) = (_news, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            told.SetResult();
            return message;
        }
    }
}
